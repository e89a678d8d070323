"""Results of a search so far: table, trials.csv, figures, importance of settings, experiment files of the best."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..common.files import as_csv, write_whole
from ..common.text import columns
from ..figures.png import figure_errors_as_warnings, pngs
from ..figures.style import Figure
from ..lit.objectives import OBJECTIVES
from ..run import lock, resume, train
from ..run.folder import RunFolder
from ..settings import build, experiments
from . import plan as plans
from . import space, studies
from .importance import importances
from .plan import SearchPlan

if TYPE_CHECKING:
    from optuna import Study

#: Dots per inch of PNG files.
DPI = 150
#: Number of best trials of each model in the table.
SHOWN = 5
STATES = ("complete", "diverged", "pruned", "failed", "retried", "running", "half-done")


class TrialResult(NamedTuple):
    """State and value of a trial."""

    model: str
    number: int
    state: str  # one of STATES
    value: float | None  # of a complete trial; infinity for a diverged one
    values: dict[str, Any]  # of the searched keys
    seeds: dict[int, dict[str, Any]]  # metrics.json of each run that has one
    error: str | None  # of a failed trial


def results(plan: SearchPlan, opened: Mapping[str, "Study"]) -> list[TrialResult]:
    """The result of each trial of each model; the caller holds the lock of the search."""
    found = []
    for name, study in opened.items():
        count = {trial.number for trial in studies.counting(study)}
        for trial in study.get_trials(deepcopy=False):
            if trial.state.name == "WAITING":
                continue
            at = plans.folder(plan, name, trial.number)
            state = {"FAIL": "failed", "RUNNING": "half-done"}.get(trial.state.name, trial.state.name.lower())
            if state == "half-done" and lock.is_held(at):
                state = "running"
            if state == "failed" and trial.number not in count:
                state = "retried"
            if state == "complete" and trial.value == train.INFINITY:
                state = "diverged"
            read = {seed: RunFolder(at / f"seed_{seed}").read_metrics() for seed in plan.seeds}
            seeds = {seed: metrics for seed, metrics in read.items() if metrics}
            errors = [trial.user_attrs.get(studies.ERROR), *(metrics.get("error") for metrics in seeds.values())]
            error = next((str(one) for one in errors if one), None) if state == "failed" else None
            value = trial.value if state in ("complete", "diverged") else None
            values = {key: trial.params.get(key) for key in plan.models[name].space}
            found.append(TrialResult(name, trial.number, state, value, values, seeds, error))
    return found


def ranked(found: list[TrialResult], name: str) -> list[TrialResult]:
    """The complete trials of a model, best first; ties go to the fewest parameters, then to the first."""
    own = [one for one in found if one.model == name and one.state == "complete"]
    return sorted(own, key=lambda one: (one.value, _parameters(one), one.number))


def _parameters(one: TrialResult) -> float:
    """Parameters of a trial's network; infinity where its run folders are gone, as the journal has none."""
    return next((float(metrics["parameters"]) for metrics in one.seeds.values()), math.inf)


def minimised(plan: SearchPlan) -> str:
    """The name of the objective value, such as 'validation bits'."""
    config = next(iter(plan.models.values())).config
    return OBJECTIVES[build.build_task(config).objective].minimised


def table(plan: SearchPlan, found: list[TrialResult], trials: int) -> str:
    """The best trials of each model, and the number of trials in each state."""
    parts, seeds = [], ", ".join(map(str, plan.seeds))
    for name in plan.models:
        rows = [
            {"trial": str(one.number), minimised(plan): f"{one.value:.4g}"}
            | {key: space.short(value) for key, value in one.values.items()}
            for one in ranked(found, name)[:SHOWN]
        ]
        count = Counter(one.state for one in found if one.model == name)
        states = ", ".join(f"{count[state]} {state}" for state in STATES if count[state]) or "none yet"
        parts.append(f"{name}, {trials} trials of seeds {seeds}: {states}\n{columns(rows)}".rstrip())
    return "\n\n".join(parts)


def write(plan: SearchPlan, opened: Mapping[str, "Study"], found: list[TrialResult]) -> None:
    """Write trials.csv, history.png, importance.png and importance.csv into the folder of the search."""
    figures: dict[str, Figure] = {}
    keys = list(dict.fromkeys(key for model in plan.models.values() for key in model.space))
    if found:
        write_whole(plan.folder / "trials.csv", as_csv([row(plan, one, keys) for one in found], header=True))
        by_model = {name: [one for one in found if one.model == name] for name in plan.models}
        values = {
            name: np.array([np.nan if one.value is None else one.value for one in own], dtype=float)
            for name, own in by_model.items()
        }
        from ..figures.best_so_far import best_so_far

        with figure_errors_as_warnings("history"):
            figures["history"] = best_so_far(values, minimised(plan))
    shares = {name: importances(study) for name, study in opened.items()}
    shares = {name: of for name, of in shares.items() if of}
    if shares:
        from ..figures.importance import importance

        label = "share in being among the best trials (PED-ANOVA)"
        with figure_errors_as_warnings("importance"):
            figures["importance"] = importance(shares, label)
        rows = [
            {"model": name, "key": key, "importance": share}
            for name, of in shares.items()
            for key, share in of.items()
        ]
        write_whole(plan.folder / "importance.csv", as_csv(rows, header=True))
    for drawn, content in pngs(figures, DPI).items():
        write_whole(plan.folder / f"{drawn}.png", content)


def row(plan: SearchPlan, one: TrialResult, keys: list[str]) -> dict[str, Any]:
    """A trial as a row of trials.csv."""
    metrics = list(one.seeds.values())
    entries = {"model": one.model, "trial": one.number, "state": one.state, "value": one.value}
    entries |= {key: one.values.get(key) for key in keys}
    entries |= {
        f"value_seed_{seed}": train.objective_value(one.seeds[seed]) if seed in one.seeds else None
        for seed in plan.seeds
    }
    entries["parameters"] = metrics[0]["parameters"] if metrics else None
    for key in ("updates", "seconds"):
        entries[key] = round(sum(of[key] for of in metrics), 3)
    return entries


def first_line(plan: SearchPlan) -> str:
    """The start of the comment in experiment files of this search, which no other search writes."""
    return f"Chosen by the search {plan.folder.name} ({plan.id}): "


def write_best(plan: SearchPlan, found: list[TrialResult], conf: Path, name: str, command: str) -> list[Path]:
    """Write the best trial of each model as an experiment file; returns the files."""
    paths = []
    for model in plan.models:
        best = next(iter(ranked(found, model)), None)
        if best is None:
            continue
        fixed = [line for line in plan.models[model].fixed if plans.line_key(line) not in resume.SWEEP_CHANGES]
        count = Counter(one.state for one in found if one.model == model)
        states = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
        about = [
            f"{first_line(plan)}trial {best.number}, the least {minimised(plan)}, {best.value:.4g}",
            f"on average over seeds {', '.join(map(str, plan.seeds))}, of trials that are {states}.",
            f"Written by: {command}",
        ]
        path = experiments.experiment_file(conf, f"{name}/{model}")
        experiments.write(path, experiments.experiment([*fixed, *space.overrides(best.values)], about))
        paths.append(path)
    return paths
