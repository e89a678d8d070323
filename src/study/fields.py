"""Fields of a study file: sections, names and lists of overrides, with refusals of invalid ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from ..common import checks
from ..common.paths import CONF, command
from ..settings import cli, errors, required
from ..settings.errors import ConfigError
from ..settings.experiments import experiment_file

#: Keys that a study sets for its sweeps.
GIVEN = (*required.COMMAND, "hydra.sweep.dir", "hydra.run.dir", "hydra.searchpath")


def values(override: Override) -> list[str]:
    """The values of an override, in order; a single one where it is no sweep."""
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def experiments(overrides: list[str]) -> list[str]:
    """The experiments that a sweep names."""
    return [one for of in cli.parsed(overrides) if of.key_or_group == "experiment" for one in values(of)]


def overrides(where: str, given: Any, conf: Path, written: list[str]) -> list[str]:
    """Overrides of src.train.

    Args:
        where: the section, for a refusal.
        given: the content of the section.
        conf: the folder of experiment files.
        written: the experiments that the tuning of the study will write to `conf`.

    Raises:
        ConfigError: no overrides, invalid ones, keys that the study sets itself, or an unknown experiment.
    """
    lines = texts(where, given)
    if not lines:
        raise ConfigError(f"{where}: must hold at least one override of {command('train')}")
    try:
        read = cli.parsed(lines)
        found = experiments(lines)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    for override in read:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise ConfigError(f"{where}: {override.input_line}: must be values, a,b or range(...)")
        key = override.key_or_group.replace("/", ".")
        if key in GIVEN or key.startswith("hydra.launcher"):
            raise ConfigError(f"{where}: {override.input_line}: is given by {command('study')}; must be left out")
    for one in found:
        if one not in written and not any(experiment_file(at, one).exists() for at in (conf, Path(CONF))):
            raise ConfigError(
                f"{where}: experiment={one!r}: unknown experiment; must be a file in conf/experiment"
                + (f" or one of {', '.join(written)}" if written else "")
            )
    return lines


def section(where: str, node: Any, needed: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    """A section with these keys and no others."""
    allowed = ", ".join((*needed, *optional))
    if not isinstance(node, dict):
        raise ConfigError(f"{where}: must be a section of the keys {allowed}")
    for key in node:
        if key not in (*needed, *optional):
            raise ConfigError(f"{where}.{key}: unknown key; must be one of {allowed}")
    for key in needed:
        if key not in node:
            raise ConfigError(f"{where}.{key}: is missing; there must be {', '.join(needed)}")
    return node


def named(where: str, node: Any) -> dict[str, Any]:
    """A section whose keys are names; it holds at least one."""
    if not isinstance(node, dict) or not node:
        raise ConfigError(f"{where}: must be a section with at least one name")
    return {errors.check("", checks.name, where, key): value for key, value in node.items()}


def texts(where: str, given: Any) -> list[str]:
    """A list of texts."""
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ConfigError(f"{where}: must be a list of texts, those with commas in quotes")
    return given


def settings(where: str, given: Any) -> list[str]:
    """The settings of a command."""
    lines = texts(where, given)
    try:
        cli.parsed(lines)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return lines


def some_of(where: str, given: Any, sweeps: Mapping[str, Any]) -> list[str]:
    """Sweeps of the study."""
    chosen = texts(where, given)
    for one in chosen:
        if one not in sweeps:
            raise ConfigError(f"{where}: unknown sweep {one!r}; must be of {', '.join(sweeps)}")
    return chosen
