"""The remaining jobs of a sweep of a study; refused where the folder holds another sweep."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..launch import sweep
from ..run import resume
from ..run.folder import STAMP, RunFolder
from ..settings import cli, idle_options, keys, required
from ..settings.errors import ConfigError
from ..settings.job import Job
from .fields import values
from .plan import Sweep

#: Keys that may differ between an existing run and the settings that the study asks for.
MAY_DIFFER = (*STAMP, "seed", *required.COMMAND, *resume.SWEEP_CHANGES)


def remaining(of: Sweep, retry_failed: bool = False) -> list[dict[str, Any]]:
    """The configurations of the jobs that are not done; their seed is the first of the sweep.

    Raises:
        ConfigError: overrides that cannot be composed, or a folder that holds another sweep.
    """
    try:
        jobs, seeds = without_seeds(of.overrides)
    except ConfigError as refusal:
        raise ConfigError(f"{of.name}: {refusal}") from refusal
    configs = {identity(job.overrides): keys.resolve(job.config) for job in jobs}
    if not (of.folder / "sweep.json").exists():
        return [config for config in configs.values() for _ in seeds]
    before = sweep.read(of.folder)["jobs"]
    asked = {(one, seed) for one in configs for seed in seeds}
    known = [(identity(job["overrides"]), seed_of(job["overrides"])) for job in before]
    foreign = [job["folder"] for job, one in zip(before, known, strict=True) if one not in asked]
    if foreign or len(before) != len(jobs) * len(seeds):
        what = f"the study does not ask for {foreign[0]}" if foreign else f"of {len(before)} jobs"
        raise ConfigError(f"{of.folder}: holds another sweep than the study asks for ({what}); must be moved away")
    todo = []
    for job, (one, _) in zip(before, known, strict=True):
        config = configs[one]
        check_same(of, job["folder"], config)
        if sweep.is_left(of.folder / job["folder"], retry_failed):
            todo.append(config)
    return todo


def without_seeds(overrides: list[str]) -> tuple[list[Job], list[str | None]]:
    """The jobs of a sweep for the first seed alone, as all seeds have the same settings; and the seeds."""
    given = cli.parsed(overrides)
    seeds: list[str | None] = [seed for one in given if one.key_or_group == "seed" for seed in values(one)]
    others = [one.input_line or "" for one in given if one.key_or_group != "seed"]
    first = [f"seed={seeds[0]}"] if seeds else []
    return cli.composed("train", [*others, *first], multirun=True), seeds or [None]


def seed_of(overrides: Iterable[str]) -> str | None:
    """The seed among the overrides of a job; None if it has none."""
    return next((values(one)[0] for one in cli.parsed(list(overrides)) if one.key_or_group == "seed"), None)


def identity(overrides: Iterable[str]) -> frozenset[str]:
    """The overrides that tell the jobs of a sweep apart, without the seed and keys that may differ."""
    return frozenset(
        one.input_line or ""
        for one in cli.parsed(list(overrides))
        if one.key_or_group not in MAY_DIFFER and not one.key_or_group.startswith("hydra")
    )


def check_same(of: Sweep, job: str, config: Mapping[str, Any]) -> None:
    """Refuse a run that was begun with settings other than those that the study asks for."""
    if not RunFolder(of.folder / job).holds_run():
        return
    before = RunFolder(of.folder / job).read_config()
    idle = [f"model.{key}" for key, _ in idle_options.idle(before["model"])]
    for key, stored, asked in differences(before, config):
        if not any(key == one or key.startswith(f"{one}.") for one in (*MAY_DIFFER, *idle)):
            raise ConfigError(
                f"{of.folder / job}: was begun with {key}={stored!r}, and the study asks for {asked!r}; "
                f"{of.folder} must be moved away"
            )


def differences(
    one: Mapping[str, Any], other: Mapping[str, Any], above: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """The keys that both have with different values, and these; a key of one alone is of another version.

    >>> list(differences({"a": {"b": 1, "c": 2}, "d": 3, "e": 4}, {"a": {"b": 5, "c": 2}, "d": {"f": 3}}))
    [('a.b', 1, 5), ('d', 3, {'f': 3})]
    """
    for key in (name for name in one if name in other):
        mine, theirs = one[key], other[key]
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from differences(mine, theirs, f"{above}{key}.")
        elif mine != theirs:
            yield f"{above}{key}", mine, theirs
