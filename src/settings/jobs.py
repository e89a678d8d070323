"""Jobs of a command line, composed and checked before any folder is made."""

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ..common.checks import did_you_mean
from ..common.paths import CONF, command
from . import required
from .errors import ConfigError, UnknownKeyError
from .folders import FolderChecks, check_writable, output
from .job import Job, fill_in, refer_to, set_overrides, writable
from .overrides import (
    CONSTRUCTED,
    SEVERAL,
    attributed_to,
    check_addition,
    check_choice,
    check_places,
    is_plain,
    parsed,
    split,
    with_keys_of_the_task,
)
from .unknown import FAULTS, uncomposed, unknown_choice, unknown_key, unknown_option

#: The only sweeper that is allowed.
SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def composed(config_name: str, overrides: list[str], multirun: bool = False) -> list[Job]:
    """Every job of a command line.

    Raises:
        ConfigError: an override that cannot be read, or that names a choice or a key that does not exist,
            or an output folder that cannot be written.
    """
    if multirun:
        return composed_sweep(config_name, overrides)[0]
    given = _checked(config_name, overrides)
    overrides = with_keys_of_the_task(config_name, overrides)
    for one in given:
        if one.is_sweep_override():
            raise ConfigError(f"{one.input_line}: must be one value, or a sweep over several with -m")
    with initialize_config_dir(CONF, job_name=config_name, version_base="1.3"):
        return [_alone(config_name, overrides)]


def composed_sweep(config_name: str, overrides: list[str]) -> tuple[list[Job], DictConfig]:
    """Every job of a sweep, and the configuration that they have in common, with Hydra's own node.

    Jobs that differ in the values of plain keys alone are composed once.

    Raises:
        ConfigError: as `composed`; or another sweeper.
    """
    given = _checked(config_name, overrides)
    with initialize_config_dir(CONF, job_name=config_name, version_base="1.3"):
        # An experiment may sweep, too; the time in the folder's name is that of the whole sweep.
        unswept = [one.input_line or "" for one in given if not one.is_sweep_override()]
        with _refused(config_name, unswept):
            whole = compose(config_name, unswept, return_hydra_config=True)
            refer_to(whole)
            _set_mode(whole, RunMode.MULTIRUN)
            folder = output(whole, "hydra.sweep.dir")
            check_writable("hydra.sweep.dir", folder)
        sweeper = whole.hydra.sweeper
        if sweeper._target_ != SWEEPER:
            name = whole.hydra.runtime.choices["hydra/sweeper"]
            raise ConfigError(f"hydra/sweeper={name}: must be basic; {command('search')} searches settings")
        lines = [*(f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()), *overrides]
        jobs = split(parsed(lines, GlobalHydra.instance().config_loader()))
        set_overrides(whole, given)
        return list(_of_sweep(config_name, jobs, folder, whole)), whole


def _checked(config_name: str, overrides: list[str]) -> list[Override]:
    """The parsed overrides of a command line; refuses what Hydra's composition would accept wrongly."""
    given = parsed(overrides)
    for override in given:
        check_addition(override, config_name)
        check_choice(override)
    check_places(given)
    GlobalHydra.instance().clear()
    return given


def _alone(config_name: str, overrides: list[str]) -> Job:
    """The one job of a command line."""
    with _refused(config_name, overrides):
        cfg = compose(config_name, overrides, return_hydra_config=True)
        _set_mode(cfg, RunMode.RUN)
        given = parsed(overrides)
        _check_choices(cfg, given)
        refer_to(cfg)
        _check_references(cfg, given)
        _check_keys(config_name, cfg, given)
        folder = output(cfg, "hydra.run.dir")
        check_writable("hydra.run.dir", folder)
        _check_subdir(cfg, folder)
    return Job(cfg, overrides, folder, None, _launcher(cfg))


def _of_sweep(config_name: str, jobs: list[list[str]], folder: Path, whole: DictConfig) -> Iterator[Job]:
    """The jobs of a sweep in a folder; `whole` is the configuration they have in common."""
    groups: dict[tuple[str, ...], _JobGroup] = {}
    checks = FolderChecks()

    @functools.cache
    def read(line: str) -> tuple[Override, bool]:
        (one,) = parsed([line])
        return one, is_plain(one) and not isinstance(one.value(), dict)  # a dict is merged, not set

    for number, overrides in enumerate(jobs):
        with _refused(config_name, overrides):
            given = [read(line) for line in overrides]
            name = tuple(str(one.key_or_group if plain else one.input_line) for one, plain in given)
            values = tuple((one.key_or_group, one.value()) for one, plain in given if plain)
            if name not in groups:
                cfg = compose(config_name, overrides, return_hydra_config=True)
                OmegaConf.copy_cache(from_config=whole, to_config=cfg)  # the time of the whole sweep
                _set_mode(cfg, RunMode.MULTIRUN)
                with writable(cfg):
                    cfg.hydra.sweep.dir = str(folder.absolute())
                _check_choices(cfg, [one for one, _ in given])
                _check_keys(config_name, cfg, [one for one, _ in given])
                named = "override" in f"{OmegaConf.to_container(cfg.hydra.sweep)} {overrides}"
                groups[name] = _JobGroup(cfg, copy.deepcopy(cfg), _launcher(cfg), named)
            group = groups[name]
            refer_to(group.trial)
            fill_in(group.trial, values, [one for one, _ in given] if group.named else None, number)
            _check_references(group.trial, [one for one, _ in given])
            subfolder = output(group.trial, "hydra.sweep.subdir", folder)
            checks.check_writable("hydra.sweep.subdir", subfolder)
            _check_subdir(group.trial, subfolder)
        yield Job(group.composed, overrides, subfolder, folder, group.launcher, number, values)


class _JobGroup(NamedTuple):
    """Jobs that differ only in the values of plain keys, and so are composed once."""

    composed: DictConfig
    trial: DictConfig  # a copy, in which the values of each job are tried in turn
    launcher: dict[str, Any]
    named: bool  # whether the names of the folders contain the overrides


def _launcher(cfg: DictConfig) -> dict[str, Any]:
    """The settings of the launcher."""
    refer_to(cfg)
    found = OmegaConf.to_container(cfg.hydra.launcher, resolve=True)
    assert isinstance(found, dict)
    return {str(name): value for name, value in found.items()}


def _set_mode(cfg: DictConfig, mode: RunMode) -> None:
    """Set hydra.mode as Hydra does; refuse a configuration that sets another."""
    if cfg.hydra.mode not in (None, mode):
        raise ConfigError(
            f"hydra.mode={cfg.hydra.mode.name}: must be left out; -m makes a sweep, nothing else does"
        )
    if cfg.hydra.mode is None:
        with writable(cfg):
            cfg.hydra.mode = mode
            cfg.hydra.overrides.hydra.append(f"hydra.mode={mode.name}")


def _check_choices(cfg: DictConfig, overrides: list[Override]) -> None:
    """Refuse a settings file that gives a list of choices for a group, since only the last would count."""
    if any(one.is_delete() for one in overrides):
        return
    for group in CONSTRUCTED - SEVERAL - {"hydra"}:
        if group in cfg and group not in cfg.hydra.runtime.choices:
            raise ConfigError(f"{group}: is given a list in a file of settings; must be one choice")
    for one in overrides:  # a recipe that does not exist is no error of Hydra, which takes one if there is one
        if one.key_or_group == "recipe" and one.value() is not None:
            places = [CONF, *(str(place).removeprefix("file://") for place in cfg.hydra.searchpath)]
            known = sorted({path.stem for place in places for path in Path(place, "recipe").glob("*.yaml")})
            if str(one.value()) not in known:
                raise unknown_option("recipe", str(one.value()), known)


def _check_keys(config_name: str, cfg: DictConfig, overrides: list[Override]) -> None:
    """Refuse a configuration that lacks keys, and an addition to the recipe to which nothing refers."""
    required.check(config_name, cfg)
    for one in overrides:
        if one.key_or_group.startswith("task.recipe.") and (one.is_add() or one.is_force_add()):
            used = required.references(required.unresolved(cfg))
            known = sorted(key for key in used if key.startswith("task.recipe."))
            if one.key_or_group not in known:
                raise UnknownKeyError(
                    f"{one.input_line}: unknown key '{one.key_or_group}', to which nothing refers; must be one of "
                    f"{', '.join(known)}{did_you_mean(one.key_or_group, known)}"
                )


def _check_references(cfg: DictConfig, overrides: list[Override]) -> None:
    """Refuse a value that refers to an unknown key."""
    for one in overrides:
        if "${" in (one.input_line or "") and not one.key_or_group.startswith("hydra."):
            with attributed_to(one.input_line, "${...} must name an existing key"):
                value = OmegaConf.select(cfg, one.key_or_group)
                if OmegaConf.is_config(value):
                    OmegaConf.to_container(value, resolve=True)


def _check_subdir(cfg: DictConfig, folder: Path) -> None:
    """Refuse a folder for Hydra's files that cannot be written."""
    subdir = cfg.hydra.output_subdir
    if subdir not in (None, ".hydra"):
        check_writable("hydra.output_subdir", folder / str(subdir))


@contextmanager
def _refused(config_name: str, overrides: list[str]) -> Iterator[None]:
    """Context in which errors of Hydra are raised as ConfigErrors."""
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
