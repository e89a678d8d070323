"""Choice of settings: the candidate with the best validation metric, written as an experiment file."""

import math
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..common.files import as_csv, write_whole
from ..common.paths import program
from ..launch import sweep
from ..lit import objectives
from ..lit.objective import Metric
from ..report.metrics import sets
from ..run.evaluation import read_request
from ..settings import build, cli, experiments, keys
from ..settings.errors import ConfigError
from ..tasks.axes import cell_name
from .fields import experiments as experiments_of
from .finish import request
from .plan import VALIDATION, StudyPlan, Sweep, Tuning
from .remaining import without_seeds

#: Means that differ by no more than this count as equal.
TIE = 1e-12


class TuningRun(NamedTuple):
    """A run of the tuning."""

    candidate: tuple[str, ...]  # the overrides, without the seed
    seed: str
    status: str
    metrics: dict[str, Any]
    value: float | None  # the metric over the sets; None for a run without it, or one that has not finished


def check_metric(metric: str, sweep_name: str, configs: Iterable[Mapping[str, Any]]) -> None:
    """Refuse jobs on a task whose objective lacks the metric of the tuning, so that none could be chosen."""
    for config in configs:
        objective = build.objective_of(config["task"])
        name = config["task"]["name"]
        if objective is not None and metric not in objective.names:
            raise ConfigError(
                f"tuning.metric={metric!r}: {sweep_name} is on {name}, which has no such metric; "
                f"must be {objective.headline} there"
            )


def cells_of(config: Mapping[str, Any]) -> list[str]:
    """The names of the test cells of a job."""
    return [cell_name(build.axes_of(config["task"]), cell) for cell in build.test_cells_of(config["task"])]


def check_tested(tuning: Tuning, of: str, configs: Iterable[Mapping[str, Any]]) -> None:
    """Refuse jobs of the tuning that do not test the sets by which it chooses."""
    for cells in map(cells_of, configs):
        known = [VALIDATION, *cells]
        for one in tuning.sets:
            if one not in known:
                allowed = ", ".join(known)
                raise ConfigError(
                    f"tuning.sets={tuning.sets}: {of} has no test cell {one!r}; must be of {allowed}"
                )


def evaluated_cells_of(config: Mapping[str, Any], run: Path, settings: list[str]) -> list[str]:
    """The names of the cells, and of those of the grid, that src.evaluate tests of a job."""
    asked = read_request(request(run, settings), config["task"])
    return [cell_name(build.axes_of(config["task"]), cell) for cell in [*(asked.cells or []), *asked.grid.cells]]


def check_unreported(plan: StudyPlan, tuning: Tuning, of: Sweep) -> None:
    """Refuse a sweep that reports a set by which the tuning chooses; the choice need not have been made yet."""
    written = {f"{tuning.write}/{name}" for name in tuning.sweeps}
    decided = [
        one for one in cli.parsed(of.overrides) if not written & set(experiments_of([one.input_line or ""]))
    ]
    for job in without_seeds([one.input_line or "" for one in decided])[0]:
        config = keys.resolve(job.config)
        later = evaluated_cells_of(config, of.folder, plan.evaluate[of.name]) if of.name in plan.evaluate else []
        for one in [*cells_of(config), *later]:
            if one in tuning.sets:
                raise ConfigError(
                    f"tuning.sets={tuning.sets}: {of.name} reports the test cell {one!r}; must be others"
                )


def tuning_runs(tuning: Tuning, name: str) -> list[TuningRun]:
    """The tuning runs of the model `name`, in the order of the sweep, with their metric."""
    of, keys = tuning.sweeps[name], tuning.chosen[name]
    found = []
    for entry, job in zip(sweep.read(of.folder)["jobs"], sweep.statuses(of.folder), strict=True):
        given = {one.key_or_group: one.input_line or "" for one in cli.parsed(entry["overrides"])}
        measured = measures(job.metrics, tuning)
        found.append(
            TuningRun(
                tuple(given[key] for key in keys),
                given.get("seed", "").partition("=")[2],
                job.status,
                job.metrics,
                _over_sets(measured.values()) if job.status == "finished" else None,
            )
        )
    return found


def measures(metrics: Mapping[str, Any], tuning: Tuning) -> dict[str, float | None]:
    """The metric of a run's metrics.json on each set of the tuning; None where it was not measured."""
    tested = {**sets(metrics.get("test") or {}), VALIDATION: metrics.get("validation") or {}}
    return {name: tested.get(name, {}).get(tuning.metric) for name in tuning.sets}


def _over_sets(values: Iterable[float | None]) -> float | None:
    """The mean of a run's metric over the sets; None if it is missing on one."""
    found = list(values)
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if len(known) == len(found) else None


def known_metric(name: str) -> Metric:
    """A metric by its name, which the plan has checked."""
    metric = objectives.metric(name)
    assert metric is not None
    return metric


def mean(runs: list[TuningRun], candidate: tuple[str, ...], metric: str) -> float:
    """A candidate's metric, averaged over the seeds; a run without one counts as the worst possible value."""
    worst = known_metric(metric).worst
    own = [worst if run.value is None else run.value for run in runs if run.candidate == candidate]
    return sum(own) / len(own)


def best(runs: list[TuningRun], metric: str) -> list[tuple[str, ...]]:
    """The candidates with the best mean; more than one if they tie, those with the fewest parameters first.

    Raises:
        ConfigError: no run has the metric.
    """
    if all(run.value is None for run in runs):
        raise ConfigError(f"no run ended well with {metric} on all sets; there must be one to choose")
    sign = -1.0 if known_metric(metric).more else 1.0
    means = {run.candidate: sign * mean(runs, run.candidate, metric) for run in runs}
    top = min(means.values())
    sizes = {run.candidate: run.metrics.get("parameters", math.inf) for run in reversed(runs)}
    equal = [one for one, value in means.items() if value == top or value - top <= TIE]  # == for infinities
    return sorted(equal, key=lambda one: sizes[one])


def experiment(plan: StudyPlan, tuning: Tuning, runs: list[TuningRun], equal: list[tuple[str, ...]]) -> str:
    """The first of the best candidates as a file of conf/experiment."""
    choice, *ties = equal
    seeds = ", ".join(dict.fromkeys(run.seed for run in runs if run.candidate == choice))
    count = len({run.candidate for run in runs})
    about = [
        f"The best of {count} candidates by {tuning.by}: {mean(runs, choice, tuning.metric):.4g} "
        f"on average over seeds {seeds}.",
        *(f"As good: {' '.join(part for part in one if part not in choice)}" for one in ties),
        f"Written by: {program('study')} study={plan.name}",
    ]
    return experiments.experiment(choice, about)


def choose(plan: StudyPlan, tuning: Tuning) -> list[Path]:
    """Write the chosen experiments and tuning.csv, a row for each run; returns the experiments that changed.

    Raises:
        ConfigError: no run to choose.
    """
    rows: list[dict[str, Any]] = []
    contents: dict[Path, str] = {}
    for name in tuning.sweeps:
        runs = tuning_runs(tuning, name)
        try:
            equal = best(runs, tuning.metric)
        except ConfigError as refusal:
            raise ConfigError(f"tuning/{name}: {refusal}") from refusal
        path = experiments.experiment_file(plan.conf, f"{tuning.write}/{name}")
        choice, *_ = equal
        contents[path] = experiment(plan, tuning, runs, equal)
        print(f"{tuning.write}/{name}: {' '.join(choice)}", flush=True)
        rows += [row(name, run, tuning, run.candidate == choice) for run in runs]
    changed = [path for path, content in contents.items() if experiments.write(path, content)]
    write_whole(plan.folder / "tuning.csv", as_csv(rows, header=True))
    return changed


def row(name: str, run: TuningRun, tuning: Tuning, chosen: bool) -> dict[str, Any]:
    """A run of the tuning as a row of tuning.csv."""
    counts = {key: run.metrics.get(key) for key in ("updates", "parameters", "seconds")}
    return {
        "model": name,
        "candidate": " ".join(run.candidate),
        "seed": run.seed,
        "status": run.status,
        **counts,
        **{f"{name}_{tuning.metric}": value for name, value in measures(run.metrics, tuning).items()},
        "chosen": "yes" if chosen else "no",
    }


def uncommitted(plan: StudyPlan, tuning: Tuning) -> list[str]:
    """Chosen experiments that differ from the commit that is checked out; none outside a git checkout."""
    folder = plan.conf / "experiment" / tuning.write
    command = ["git", "status", "--porcelain", "--untracked-files=all", "--", "."]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [line[3:] for line in done.stdout.splitlines()]
