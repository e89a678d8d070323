"""The plan of a study: conf/study/<name>.yaml, read and checked."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..common.paths import CONF
from ..lit.objectives import OBJECTIVES
from ..settings import cli, errors
from ..settings.errors import ConfigError
from ..settings.experiments import search_path
from . import fields
from .fields import named, overrides, section, settings, some_of, values

#: Name of the validation set in `tuning.sets`.
VALIDATION = "validation"
#: Settings that make a budget, and so are the same for all models of a tuning.
SHARED = ("trainer.max_steps", "seed")


class Sweep(NamedTuple):
    """A sweep of src.train, and the folder of its runs."""

    name: str
    overrides: list[str]
    folder: Path


class Tuning(NamedTuple):
    """The sweeps of candidate settings, by model, from which the settings of the main sweeps are chosen."""

    metric: str
    sets: list[str]  # what it is averaged over: validation, and test sets that the tuning may use
    write: str  # conf/experiment/<write>/<name>.yaml is the chosen candidate of a model
    sweeps: dict[str, Sweep]
    chosen: dict[str, list[str]]  # by model, the keys that the experiment file sets

    @property
    def by(self) -> str:
        """What candidates are judged by, in words."""
        if self.sets == [VALIDATION]:
            return f"validation {self.metric}"
        return f"mean {self.metric} on {', '.join(self.sets)}"


class StudyReport(NamedTuple):
    """A report of a study: title, names of sweeps, settings of src.report."""

    title: str
    sweeps: list[str]
    settings: list[str]


class StudyPlan(NamedTuple):
    """A whole study."""

    name: str
    folder: Path
    conf: Path
    tuning: Tuning | None
    sweeps: dict[str, Sweep]
    evaluate: dict[str, list[str]]  # settings of src.evaluate, by the name of the sweep
    reports: dict[str, StudyReport]


def read(cfg: Mapping[str, Any]) -> StudyPlan:
    """The study that a composed conf/study.yaml names.

    Raises:
        ConfigError: no such study, or an invalid one.
    """
    conf = Path(CONF if cfg["conf"] is None else str(cfg["conf"])).absolute()
    if cfg.get("study") is None:
        known = sorted(path.stem for path in (Path(CONF) / "study").glob("*.yaml"))
        raise ConfigError(f"study=None: must be one of {', '.join(known)}")
    if not os.path.isdir(conf):
        raise ConfigError(f"conf={cfg['conf']!r}: must be a folder")
    node = section("study", cfg["study"], ("name", "about", "sweeps"), ("tuning", "evaluate", "reports"))
    name = errors.check("", checks.name, "study.name", node["name"])
    try:
        return _plan(node, name, Path(str(cfg["folder"])).absolute() / name, conf)
    except ConfigError as refusal:
        raise ConfigError(f"study={name}: {refusal}") from refusal


def _plan(node: dict[str, Any], name: str, folder: Path, conf: Path) -> StudyPlan:
    tuning = _tuning(node["tuning"], folder, conf) if "tuning" in node else None
    written = [f"{tuning.write}/{one}" for one in tuning.sweeps] if tuning else []
    sweeps = {
        key: Sweep(key, overrides(f"sweeps.{key}", value, conf, written) + search_path(conf), folder / key)
        for key, value in named("sweeps", node["sweeps"]).items()
    }
    if tuning is not None:
        tried, reported = seeds(tuning.sweeps.values()), seeds(sweeps.values())
        if both := sorted(tried & reported, key=lambda seed: (len(seed), seed)):
            raise ConfigError(f"tuning: has seed {', '.join(both)} of the sweeps; must have seeds of its own")
    if "tuning" in sweeps:
        raise ConfigError("sweeps.tuning: is the folder of the tuning; must have another name")
    asked = named("evaluate", node["evaluate"]) if "evaluate" in node else {}
    some_of("evaluate", list(asked), sweeps)
    evaluate = {key: settings(f"evaluate.{key}", value) for key, value in asked.items()}
    reports = {}
    for key, value in (named("reports", node["reports"]) if "reports" in node else {}).items():
        at = f"reports.{key}"
        report = section(at, value, ("sweeps",), ("settings", "title"))
        title = str(report.get("title", node["about"]))
        reports[key] = StudyReport(
            title,
            some_of(f"{at}.sweeps", report["sweeps"], sweeps),
            settings(f"{at}.settings", report.get("settings", [])),
        )
    return StudyPlan(name, folder, conf, tuning, sweeps, evaluate, reports)


def seeds(sweeps: Iterable[Sweep]) -> set[str]:
    """The seeds of sweeps."""
    given = [one for of in sweeps for one in cli.parsed(of.overrides) if one.key_or_group == "seed"]
    return {seed for one in given for seed in values(one)}


def _of_the_model(key: str) -> bool:
    """Whether a setting belongs to a model, and not to the task or the budget."""
    return key.startswith(("model.", "task.recipe.", "optimizer.", "schedule."))


def _tuning(content: Any, folder: Path, conf: Path) -> Tuning:
    node = section("tuning", content, ("metric", "sweeps", "write"), ("common", "sets"))
    headlines = sorted({one.headline for one in OBJECTIVES.values()})
    errors.check("tuning.", checks.choice, "metric", node["metric"], headlines)
    common = overrides("tuning.common", node["common"], conf, []) if node.get("common") else []
    sweeps, chosen = {}, {}
    for key, value in named("tuning.sweeps", node["sweeps"]).items():
        own = overrides(f"tuning.sweeps.{key}", value, conf, [])
        sweeps[key] = Sweep(f"tuning/{key}", [*own, *common, *search_path(conf)], folder / "tuning" / key)
        # Of the shared overrides, candidates differ in those with several values, and all have those of the model;
        # the others say how the tuning is done.
        shared = (one for one in cli.parsed(common) if one.is_sweep_override() or _of_the_model(one.key_or_group))
        tried = [*cli.parsed(own), *shared]
        keys = [one.key_or_group for one in tried if one.key_or_group != "seed"]
        chosen[key] = [one for one in dict.fromkeys(keys) if not one.startswith("hydra")]
        for one in tried:
            if one.is_delete() or one.key_or_group in ("experiment", "debug"):
                raise ConfigError(f"tuning.sweeps.{key}: {one.input_line}: is nothing to choose; must be left out")
        for one in cli.parsed(own):
            if one.key_or_group in SHARED:
                raise ConfigError(
                    f"tuning.sweeps.{key}: {one.input_line}: must be in tuning.common, an equal budget"
                )
    jobs = {key: math.prod(len(values(one)) for one in cli.parsed(of.overrides)) for key, of in sweeps.items()}
    if len(set(jobs.values())) > 1:
        counts = ", ".join(f"{key} {count}" for key, count in jobs.items())
        raise ConfigError(f"tuning.sweeps: jobs of {counts}; must be the same number for each, an equal budget")
    sets = fields.texts("tuning.sets", node.get("sets", [VALIDATION]))
    if not sets:
        raise ConfigError(f"tuning.sets: must name at least one set, such as {VALIDATION}")
    return Tuning(
        node["metric"], sets, errors.check("", checks.name, "tuning.write", node["write"]), sweeps, chosen
    )
