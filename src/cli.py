"""The command line: Hydra's, but a user's mistake is told in one line, before any folder is made."""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from src import build
from src.build import ConfigError

CONF = str(Path(__file__).resolve().parents[1] / "conf")
#: Sections whose keys a constructor checks, so that `+section.key=` may add one of its arguments.
CONSTRUCTED = {"model", "task", "optimizer", "schedule", "trainer", "callbacks", "logger", "hydra"}


def run(main: Callable[[], Any], config_name: str, refuse: Callable[[dict[str, Any]], None]) -> None:
    """Refuse a bad command line with one message and exit code 2; else hand it to Hydra.

    Args:
        main: a function decorated with `hydra.main`.
        config_name: its primary config.
        refuse: raises a ConfigError for a composed configuration that cannot be run.
    """
    arguments = get_args_parser().parse_args()
    asks_only = arguments.help or arguments.hydra_help or arguments.cfg or arguments.info
    try:
        jobs = composed(config_name, arguments.overrides, arguments.multirun)
        if not asks_only and len(jobs) == 1:
            # In a sweep a job with a bad value fails alone, and its folder tells.
            refuse(build.resolve(jobs[0]))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    main()


def composed(config_name: str, overrides: list[str], multirun: bool = False) -> list[DictConfig]:
    """The configuration of every job of a command line.

    Raises:
        ConfigError: an override that cannot be read, or that names a choice or a key that does not exist,
            or an output folder that cannot be written.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
    except HydraException as error:
        raise ConfigError(_first_line(error)) from error
    swept = [one for one in parsed if one.is_sweep_override()]
    if swept and not multirun:
        raise ConfigError(f"{swept[0].input_line}: must be one value, or a sweep over several with -m")
    for override in parsed:
        _check_addition(override)
    jobs: list[list[str]] = [overrides]
    if multirun:
        jobs = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
    configs = []
    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF, version_base="1.3"):
        for job in jobs:
            try:
                cfg = compose(config_name, job, return_hydra_config=True)
                _check_output(cfg, multirun)
            except MissingConfigException as error:
                raise _unknown_choice(error) from error
            except ConfigCompositionException as error:
                raise _unknown_key(error, config_name, job) from error
            except (HydraException, OmegaConfBaseException, ValueError) as error:
                raise ConfigError(_first_line(error)) from error
            with open_dict(cfg):
                cfg.pop("hydra")
            configs.append(cfg)
    return configs


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
    return ConfigError(f"{group or 'config'}={name!r}: unknown {group or 'config'}; must be one of {options}")


def _unknown_key(error: ConfigCompositionException, config_name: str, job: list[str]) -> ConfigError:
    text = " ".join([str(error), str(error.__cause__ or "")])
    found = re.search(r"Could not (?:override|append to config|delete).*?'([^']+)'", text)
    if not found:
        return ConfigError(_first_line(error))
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


def _check_output(cfg: DictConfig, multirun: bool) -> None:
    """Refuse an output folder that cannot be made, without making it."""
    key = "hydra.sweep.dir" if multirun else "hydra.run.dir"
    HydraConfig.instance().set_config(cfg)
    chosen = OmegaConf.select(cfg, key)
    if not chosen:
        raise ConfigError(f"{key}={chosen!r}: must be a folder")
    folder = Path(str(chosen)).absolute()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryDirectory(dir=there):
            pass
    except OSError as error:
        raise ConfigError(
            f"{key}={str(folder)!r}: cannot be written ({error.strerror}); must be a folder that can"
        ) from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]
