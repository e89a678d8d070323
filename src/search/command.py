"""Command line of a search: settings of the search itself, and overrides of src.train."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..common.paths import CONF, command, extra
from ..settings import cli, errors, keys, required
from ..settings.errors import ConfigError
from . import plan
from .plan import SearchPlan


class SearchOptions(NamedTuple):
    """Settings of one command, which may change when a search is resumed."""

    trials: int  # of each model, in all
    workers: int  # processes
    write: str | None  # folder in conf/experiment for the best of each model
    conf: Path
    retry_failed: bool
    dry_run: bool


def split_overrides(overrides: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The overrides of the search itself, those of src.train, and those of `spaces`.

    Raises:
        ConfigError: an unknown key, or an override of the search that is not one value.
    """
    own_keys = {*required.keys_of("search"), "search"}
    train_keys = {*required.keys_of("train"), *required.groups_of("train"), "hydra"}
    own, train, spaces = [], [], []
    for line, one in zip(overrides, cli.parsed(overrides), strict=True):
        root = one.key_or_group.replace("/", ".").split(".")[0]
        if root in own_keys and one.is_delete():
            raise ConfigError(f"{line}: must be left out; every search has all keys")
        if root == "spaces":
            spaces.append(line)
        elif root in own_keys:
            if one.is_sweep_override():
                raise ConfigError(f"{line}: must be one value; settings of {command('train')} alone are searched")
            own.append(line)
        elif root in train_keys:
            train.append(line)
        else:
            known = sorted(own_keys)
            raise ConfigError(
                f"{line}: unknown key {root!r}; must be one of {', '.join(known)}, or a key of {command('train')}"
                + checks.did_you_mean(root, [*known, *train_keys])
            )
    return own, train, spaces


def read(overrides: list[str]) -> tuple[SearchPlan, SearchOptions]:
    """The plan and the options that a command line asks for.

    Raises:
        ConfigError: an invalid setting.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(f"{command('search')}: needs optuna, which `{extra('search')}` installs")
    own, train, spaces = split_overrides(overrides)
    cfg = keys.resolve(cli.composed("search", own)[0].config)
    for key in cfg:
        known = sorted(required.keys_of("search"))
        if key not in known:
            raise ConfigError(
                f"{key}: unknown key of a search; must be one of {', '.join(known)} in conf/search/<file>.yaml"
                + checks.did_you_mean(key, known)
            )
    name = errors.check("", checks.name, "name", cfg["name"])
    options = SearchOptions(
        errors.check("", checks.integer, "trials", cfg["trials"]),
        errors.check("", checks.integer, "workers", cfg["workers"]),
        None if cfg["write"] is None else errors.check("", checks.name, "write", cfg["write"]),
        Path(CONF if cfg["conf"] is None else str(cfg["conf"])).absolute(),
        errors.check("", checks.flag, "retry_failed", cfg["retry_failed"]),
        errors.check("", checks.flag, "dry_run", cfg["dry_run"]),
    )
    if not os.path.isdir(options.conf):
        raise ConfigError(f"conf={cfg['conf']!r}: must be a folder")
    seeds = [keys.check_seed(seed) for seed in errors.check("", checks.integers, "seeds", cfg["seeds"], least=0)]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"seeds={seeds}: must be different seeds")
    folder = Path(str(cfg["folder"])).absolute() / name
    cli.check_writable("folder", folder)
    if options.write is not None:
        cli.check_writable("conf", options.conf / "experiment" / options.write)
    shared = texts("overrides", cfg["overrides"])
    given = {} if cfg["spaces"] is None else cfg["spaces"]
    if not isinstance(given, Mapping):
        raise ConfigError(f"spaces={given!r}: must have a list of overrides of {command('train')} for each model")
    of_models = {str(key): texts(f"spaces.{key}", value) for key, value in given.items()}
    asked = SearchPlan(
        folder=folder,
        models=plan.models([*shared, *train], of_models | spaces_by_model(spaces)),
        seeds=seeds,
        sampler=errors.check("", checks.choice, "sampler", cfg["sampler"], ("tpe", "random")),
        sampler_seed=errors.check("", checks.integer, "sampler_seed", cfg["sampler_seed"], least=0),
        prune=errors.check("", checks.choice, "prune", cfg["prune"], ("median", "none")),
        prune_trials=errors.check("", checks.integer, "prune_trials", cfg["prune_trials"]),
        prune_validations=errors.check("", checks.integer, "prune_validations", cfg["prune_validations"], least=0),
    )
    return asked, options


def texts(key: str, given: Any) -> list[str]:
    """Overrides of src.train."""
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ConfigError(f"{key}={given!r}: must be a list of overrides of {command('train')}, in quotes")
    return given


def spaces_by_model(spaces: list[str]) -> dict[str, list[str]]:
    """The overrides of each model: spaces.<model>=[...], or spaces={<model>: [...]}."""
    found: dict[str, list[str]] = {}
    for line, one in zip(spaces, cli.parsed(spaces), strict=True):
        model = one.key_or_group.partition(".")[2]
        given = {model: one.value()} if model else one.value()
        if one.is_sweep_override() or not isinstance(given, Mapping):
            raise ConfigError(
                f"{line}: must be spaces.<model>=[...], a list of overrides of {command('train')}, in quotes"
            )
        found |= {str(key): texts(f"spaces.{key}", value) for key, value in given.items()}
    return found
