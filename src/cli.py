"""The command line: Hydra's, but a user's mistake is told in one line, before any folder is made."""

import copy
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from src import build
from src.build import ConfigError

CONF = str(Path(__file__).resolve().parents[1] / "conf")
#: Choices that come with a package to be installed apart.
EXTRAS = {
    "hydra/launcher/joblib": "joblib is there after `make parallel`",
    "hydra/launcher/submitit_slurm": "submitit_slurm is there after `make slurm`",
    "hydra/launcher/submitit_local": "submitit_local is there after `make slurm`",
}
#: Sections whose keys a constructor checks, so that `+section.key=` may add one of its arguments.
CONSTRUCTED = {"model", "task", "optimizer", "schedule", "trainer", "callbacks", "logger", "hydra"}


class Line(NamedTuple):
    """A command line, taken apart."""

    overrides: list[str]
    multirun: bool
    asks_only: bool  # for help or for the configuration: nothing is run


class Job(NamedTuple):
    """One of the runs that a command line asks for."""

    config: DictConfig
    overrides: list[str]
    folder: Path
    sweep: Path | None  # the folder of the sweep it is of
    launcher: dict[str, Any]  # Hydra's, which is to run it


@contextmanager
def refusals() -> Iterator[None]:
    """A ConfigError within ends the command with one line and exit code 2."""
    try:
        yield
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def read() -> Line:
    """The command line of this process."""
    given = get_args_parser().parse_args()
    asks_only = bool(given.help or given.hydra_help or given.cfg or given.info)
    return Line(given.overrides, given.multirun, asks_only)


def give(line: Line) -> None:
    """Make `line` the command line that Hydra is going to read."""
    flags = [one for one in sys.argv[1:] if one not in (*read().overrides, "-m", "--multirun")]
    sys.argv[1:] = ["--multirun"] * line.multirun + flags + line.overrides


def run(main: Callable[[], Any], config_name: str, refuse: Callable[[dict[str, Any]], None]) -> None:
    """Refuse a bad command line with one message and exit code 2; else hand it to Hydra.

    Args:
        main: a function decorated with `hydra.main`.
        config_name: its primary config.
        refuse: raises a ConfigError for a composed configuration that cannot be run.
    """
    with refusals():
        line = read()
        if line.multirun:
            raise ConfigError(f"-m: is for src.train alone; must be left out of src.{config_name}")
        (job,) = composed(config_name, line.overrides)
        if not line.asks_only:
            refuse(build.resolve(job.config))
    main()


def parsed(overrides: list[str]) -> list[Override]:
    """Overrides, read.

    Raises:
        ConfigError: one that cannot be read.
    """
    try:
        return OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise ConfigError(_first_line(error)) from error


def quoted(text: str | Path) -> str:
    """A text as the value of an override, whatever signs are in it."""
    return QuotedString(str(text), Quote.single).with_quotes()


def argument(key: str, path: Path) -> str:
    """A folder as an argument that can be pasted into a shell."""
    plain = re.fullmatch(r"[\w./+-]+", str(path))
    return f"{key}={path}" if plain else shlex.quote(f"{key}={quoted(path)}")


def composed(config_name: str, overrides: list[str], multirun: bool = False) -> list[Job]:
    """Every job of a command line.

    Raises:
        ConfigError: an override that cannot be read, or that names a choice or a key that does not exist,
            or an output folder that cannot be written.
    """
    given = parsed(overrides)
    swept = [one for one in given if one.is_sweep_override()]
    if swept and not multirun:
        raise ConfigError(f"{swept[0].input_line}: must be one value, or a sweep over several with -m")
    for override in given:
        _check_addition(override)
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        if not multirun:
            return [_compose(config_name, overrides, 0)]
        # An experiment may sweep, too; and the time in the name of the folder is that of the whole sweep.
        unswept = [one.input_line or "" for one in given if not one.is_sweep_override()]
        with _refused(config_name, unswept):
            whole = compose(config_name, unswept, return_hydra_config=True)
            folder = _output(whole, "hydra.sweep.dir")
        params = whole.hydra.sweeper.get("params") or {}
        lines = [*(f"{key}={value}" for key, value in params.items()), *overrides]
        jobs = BasicSweeper.split_arguments(parsed(lines), max_batch_size=None)[0]
        alike: dict[tuple[str, ...], DictConfig] = {}
        return [_compose(config_name, list(job), number, folder, alike) for number, job in enumerate(jobs)]


def _compose(
    config_name: str,
    overrides: list[str],
    number: int,
    sweep: Path | None = None,
    alike: dict[tuple[str, ...], DictConfig] | None = None,
) -> Job:
    """One job; `alike` keeps what was composed for others that differ in nothing but values of plain keys."""
    with _refused(config_name, overrides):
        given = [(one, _is_plain(one)) for one in parsed(overrides)]
        kind = tuple(str(one.key_or_group if plain else one.input_line) for one, plain in given)
        if alike is not None and kind in alike:
            cfg = copy.deepcopy(alike[kind])
            for one, plain in given:
                if plain:
                    OmegaConf.update(cfg, one.key_or_group, one.value(), merge=True)
        else:
            cfg = compose(config_name, overrides, return_hydra_config=True)
            names = OmegaConf.to_container(cfg.hydra.sweep, resolve=False)
            if alike is not None and "override" not in str(names):  # those of the job itself would be in its name
                alike[kind] = copy.deepcopy(cfg)
        with open_dict(cfg):
            cfg.hydra.job.num = number
        folder = _output(cfg, "hydra.run.dir") if sweep is None else sweep / str(cfg.hydra.sweep.subdir)
        launcher = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
        with open_dict(cfg):
            cfg.pop("hydra")
    assert isinstance(launcher, dict)
    return Job(cfg, overrides, folder, sweep, {str(name): value for name, value in launcher.items()})


def _is_plain(override: Override) -> bool:
    """Whether an override sets a key, and chooses no file of conf/."""
    key = override.key_or_group
    group = (Path(CONF) / key).is_dir() or key.startswith("hydra")
    return not (group or override.is_add() or override.is_force_add() or override.is_delete() or override.package)


@contextmanager
def _refused(config_name: str, overrides: list[str]) -> Iterator[None]:
    """Errors of Hydra as refusals."""
    try:
        yield
    except MissingConfigException as error:
        raise _unknown_choice(error) from error
    except ConfigCompositionException as error:
        raise _unknown_key(error, config_name, overrides) from error
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(_first_line(error)) from error


def _check_addition(override: Override) -> None:
    key = override.key_or_group
    if (override.is_add() or override.is_force_add()) and key.split(".")[0].split("/")[0] not in CONSTRUCTED:
        raise ConfigError(
            f"{override.input_line}: unknown key '{key}'; a key may be added only under "
            + ", ".join(sorted(CONSTRUCTED))
        )


def _unknown_choice(error: MissingConfigException) -> ConfigError:
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    options = ", ".join(sorted(error.options or []))
    extra = f"; {EXTRAS[missing]}" if missing in EXTRAS else ""
    return ConfigError(
        f"{group or 'config'}={name!r}: unknown {group or 'config'}; must be one of {options}{extra}"
    )


def _unknown_key(error: ConfigCompositionException, config_name: str, job: list[str]) -> ConfigError:
    text = " ".join([str(error), str(error.__cause__ or "")])
    found = re.search(r"Could not (?:override|append to config|delete).*?'([^']+)'", text)
    if not found:
        why = f": {_first_line(error.__cause__)}" if error.__cause__ is not None else ""
        return ConfigError(_first_line(error) + why)
    key = found.group(1)
    culprit = next((one for one in job if one.lstrip("+~").split("=")[0] == key), key)
    others = [one for one in job if one != culprit]
    parent = key.rpartition(".")[0]
    try:
        whole = compose(config_name, others)
        node = OmegaConf.select(whole, parent) if parent else whole
    except (HydraException, OmegaConfBaseException):
        node = None
    where = f" under {parent}" if parent else ""
    allowed = ", ".join(sorted(map(str, node))) if isinstance(node, DictConfig) else "the keys in conf/"
    return ConfigError(f"{culprit}: unknown key {key!r}; must be{where} one of {allowed}")


def _output(cfg: DictConfig, key: str) -> Path:
    """The folder that `key` names; refuses one that cannot be made, without making it."""
    HydraConfig.instance().set_config(cfg)
    chosen = OmegaConf.select(cfg, key)
    if not chosen:
        raise ConfigError(f"{key}={chosen!r}: must be a folder")
    folder = Path(str(chosen))
    check_writable(key, folder)
    return folder


def check_writable(key: str, folder: Path, hint: str = "") -> None:
    """Refuse a folder that cannot be made or written to, without making it; `key` is what it was given as."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise ConfigError(
            f"{key}={str(folder)!r}: cannot be written ({error.strerror}); must be a folder that can{hint}"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
