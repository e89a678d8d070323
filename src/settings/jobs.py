"""The jobs that overrides ask for: composed, and refused where they could not be, before any folder is made."""

import copy
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from src.common.paths import CONF
from src.settings.errors import ConfigError
from src.settings.overrides import (
    CONSTRUCTED,
    blamed,
    check_addition,
    check_choice,
    check_places,
    is_plain,
    parsed,
    split,
)
from src.settings.unknown import FAULTS, first_line, uncomposed, unknown_choice, unknown_key

#: As long as the names of files in a run folder.
LONG_NAME = "x" * 120


class Job(NamedTuple):
    """One of the runs that a command line asks for."""

    config: DictConfig
    overrides: list[str]
    folder: Path
    sweep: Path | None  # the folder of the sweep it is of
    launcher: dict[str, Any]  # Hydra's, which is to run it


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
        check_addition(override)
        check_choice(override)
    check_places(given)
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
        jobs = split(parsed(lines, GlobalHydra.instance().config_loader()))
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
        given = [(one, is_plain(one)) for one in parsed(overrides)]
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
        _check_mode(cfg, multirun=sweep is not None)
        if not any(one.is_delete() for one, _ in given):
            _check_choices(cfg)
        _check_references(cfg, [one for one, _ in given])
        folder = _output(cfg, "hydra.run.dir") if sweep is None else _output(cfg, "hydra.sweep.subdir", sweep)
        subdir = cfg.hydra.output_subdir
        if subdir not in (None, ".hydra"):
            check_writable("hydra.output_subdir", folder / str(subdir))
        launcher = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
        with open_dict(cfg):
            cfg.pop("hydra")
    assert isinstance(launcher, dict)
    return Job(cfg, overrides, folder, sweep, {str(name): value for name, value in launcher.items()})


def _check_mode(cfg: DictConfig, multirun: bool) -> None:
    """Refuse another way to run than the one that was checked."""
    wanted = RunMode.MULTIRUN if multirun else RunMode.RUN
    if cfg.hydra.mode not in (None, wanted):
        raise ConfigError(
            f"hydra.mode={cfg.hydra.mode.name}: must be left out; -m makes a sweep, nothing else does"
        )


def _check_choices(cfg: DictConfig) -> None:
    """Refuse a file that makes a list of choices of a group, of which the last alone would count."""
    for group in CONSTRUCTED - {"hydra"}:
        if group in cfg and group not in cfg.hydra.runtime.choices:
            raise ConfigError(f"{group}: is given a list in a file of settings; must be one choice")


def _check_references(cfg: DictConfig, overrides: list[Override]) -> None:
    """Refuse a value that refers to a key that there is not."""
    HydraConfig.instance().set_config(cfg)
    for one in overrides:
        if "${" in (one.input_line or "") and not one.key_or_group.startswith("hydra."):
            with blamed(one.input_line, "${...} must name a key that there is"):
                value = OmegaConf.select(cfg, one.key_or_group)
                if OmegaConf.is_config(value):
                    OmegaConf.to_container(value, resolve=True)


@contextmanager
def _refused(config_name: str, overrides: list[str]) -> Iterator[None]:
    """Errors of Hydra as refusals."""
    try:
        yield
    except ConfigError:
        raise
    except MissingConfigException as error:
        raise unknown_choice(error, parsed(overrides)) from error
    except ConfigCompositionException as error:
        raise unknown_key(error, config_name, overrides) from error
    except FAULTS as error:
        raise uncomposed(error, config_name, overrides) from error


def _output(cfg: DictConfig, key: str, within: Path | None = None) -> Path:
    """The folder that `key` names; refuses one that cannot be made, without making it."""
    HydraConfig.instance().set_config(cfg)
    try:
        chosen = OmegaConf.select(cfg, key)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{key}: {first_line(error)}; must be a folder, in whose name ${{...}} stands for a key that there is"
        ) from error
    if not chosen:
        raise ConfigError(f"{key}={chosen!r}: must be a folder")
    folder = Path(str(chosen))
    if within is not None:
        if folder.is_absolute() or os.path.normpath(folder).split(os.sep)[0] in (".", ".."):
            raise ConfigError(f"{key}={str(folder)!r}: must be a folder within hydra.sweep.dir")
        folder = within / folder
    if "${" in os.path.abspath(folder):
        raise ConfigError(
            f"{key}={str(folder)!r}: must be a folder without ${{ in its path, which Hydra would look up"
        )
    check_writable(key, folder)
    return folder


def check_writable(key: str, folder: Path, hint: str = "") -> None:
    """Refuse a folder that cannot be made or written to, without making it; `key` is what it was given as."""
    there, missing = os.path.abspath(folder), list[str]()
    while not os.path.lexists(there) and there != os.path.dirname(there):
        there, name = os.path.split(there)
        missing.insert(0, name)
    try:
        with tempfile.TemporaryDirectory(dir=there) as trial:
            Path(trial, *missing, LONG_NAME).mkdir(parents=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{key}={str(folder)!r}: cannot be written ({why}); must be a folder that can{hint}"
        ) from error
