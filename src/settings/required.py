"""Keys that a configuration must have; all that are missing are refused at once."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ..common.paths import CONF
from .errors import ConfigError

#: Sections of every configuration of a run, and their keys.
SECTIONS: dict[str, tuple[str, ...]] = {
    "model": ("name", "_target_"),
    "task": ("name", "_target_"),
    "optimizer": ("_target_", "lr"),
    "schedule": ("_target_",),
    "trainer": ("_target_", "accelerator", "devices", "max_steps", "log_every_n_steps", "deterministic"),
    "callbacks": (),
    "logger": (),
    "figure": ("cmap",),
}
#: All keys of every configuration of a run.
RUN = (
    *("seed", "stop_when_solved", "solve_threshold", "validate_every", "overfit_batches"),
    *SECTIONS,
    *(f"{section}.{key}" for section, keys in SECTIONS.items() for key in keys),
)
#: Keys of the command `src.train`, which are no settings of a run.
COMMAND = ("resume", "retry_failed", "dry_run")
#: A reference to another key, as in ${task.recipe.lr}.
REFERENCE = re.compile(r"\$\{([\w.]+)\}")


@functools.cache
def primary(name: str) -> dict[str, Any]:
    """conf/<name>.yaml as plain dictionaries and lists, with references as they are written."""
    plain = OmegaConf.to_container(OmegaConf.load(Path(CONF) / f"{name}.yaml"))
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def keys_of(name: str) -> dict[str, Any]:
    """The keys that conf/<name>.yaml itself has, with their values."""
    return {key: value for key, value in primary(name).items() if key not in ("defaults", "hydra")}


def groups_of(name: str) -> set[str]:
    """The config groups that a command chooses from, such as model."""
    entries = [group for entry in primary(name)["defaults"] if isinstance(entry, dict) for group in entry]
    return {entry.split()[-1] for entry in entries if not entry.startswith("override ")}


def paths(section: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with the path to it, and its value; keys of a section after the section."""
    for key, value in section.items():
        yield f"{above}{key}", value
        if isinstance(value, Mapping):
            yield from paths(value, f"{above}{key}.")


def references(cfg: Mapping[str, Any]) -> set[str]:
    """The keys that values of an unresolved configuration refer to."""
    return {key for _, value in paths(cfg) if isinstance(value, str) for key in REFERENCE.findall(value)}


def unresolved(cfg: DictConfig) -> dict[str, Any]:
    """A configuration without Hydra's own node, with references as they are written."""
    plain = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key != "hydra"}


def check(name: str, cfg: DictConfig) -> None:
    """Refuse a composed configuration of a command that lacks keys, or has another value in place of a section.

    The keys are those of conf/<name>.yaml, those of `SECTIONS` for a run, and those to which other values refer.
    """
    plain = unresolved(cfg)
    needed = dict(paths(keys_of(name)))
    refuse_others(plain, [key for key, value in needed.items() if isinstance(value, Mapping)])
    used = sorted(key for key in references(plain) if not key.startswith("hydra."))
    refuse_missing(plain, [*needed, *(RUN if name == "train" else ()), *used])


def check_run(cfg: Mapping[str, Any]) -> None:
    """Refuse the configuration of a run without sections or keys of `SECTIONS`, as after ~seed or trainer=5."""
    refuse_others(cfg, SECTIONS)
    refuse_missing(cfg, RUN)
    for section in ("model", "task"):
        name = cfg[section]["name"]
        if not (isinstance(name, str) and name):
            raise ConfigError(f"{section}.name={name!r}: must be a name")


def refuse_others(cfg: Mapping[str, Any], sections: Iterable[str]) -> None:
    """Refuse a value in place of a section."""
    for key, value in paths(cfg):
        if key in sections and not isinstance(value, Mapping):
            raise ConfigError(f"{key}={value!r}: must be a section of keys, as in conf/")


def refuse_missing(cfg: Mapping[str, Any], keys: Iterable[str]) -> None:
    """Refuse a configuration for all keys that it lacks; those of a section that it lacks are not listed."""
    missing = [key for key in dict.fromkeys(keys) if not _has(cfg, key)]
    outer = [key for key in missing if not any(key.startswith(f"{other}.") for other in missing)]
    if outer:
        raise ConfigError(f"{', '.join(outer)}: cannot be left out")


def _has(plain: Mapping[str, Any], key: str) -> bool:
    """Whether a key, or a value in its place that is itself a reference, exists."""
    node: Any = plain
    for part in key.split("."):
        if isinstance(node, str) and "${" in node:
            return True
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True
