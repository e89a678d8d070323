"""The last stages of a study: evaluations beyond the lengths of training, and reports."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import evaluate
from ..common.paths import CHECKOUT, command, module, program
from ..common.subprocesses import run_module
from ..launch import sweep
from ..run.ending import DONE
from ..run.evaluation import read_request
from ..run.folder import RunFolder
from ..settings import build, cli, keys
from ..settings.errors import ConfigError
from ..tasks.axes import cell_name
from .plan import StudyPlan, StudyReport


def finished(plan: StudyPlan, name: str) -> list[Path]:
    """The folders of the finished runs of a sweep; diverged runs have no weights to test."""
    folder = plan.sweeps[name].folder
    if not (folder / "sweep.json").exists():
        return []
    return [job.folder for job in sweep.statuses(folder) if job.status == "finished"]


def request(run: Path, settings: list[str]) -> dict[str, Any]:
    """The resolved settings of src.evaluate for a run."""
    (job,) = cli.composed("evaluate", [f"run={cli.quoted(run)}", *settings])
    return keys.resolve(job.config)


def check_settings(plan: StudyPlan, name: str, configs: Iterable[Mapping[str, Any]]) -> None:
    """Refuse settings of src.evaluate that do not suit the task of a sweep, before it is run.

    Args:
        plan: the study.
        name: of a sweep that is evaluated.
        configs: of its jobs.
    """
    tasks = {str(config["task"]): config["task"] for config in configs}
    for task in tasks.values():
        try:
            read_request(request(plan.sweeps[name].folder, plan.evaluate[name]), task)
        except ConfigError as refusal:
            raise ConfigError(f"evaluate.{name}: {refusal}") from refusal


def evaluated(run: Path, cfg: Mapping[str, Any]) -> bool:
    """Whether evaluation.json of a run has the checkpoint, memory size, steps, grid and cells asked for."""
    task = RunFolder(run).read_config()["task"]
    asked = read_request(cfg, task)
    try:
        found = RunFolder(run).read_evaluation()
        settings = found["checkpoint"], found.get("memory_slots"), found.get("prolong", 0), _filled(found["grid"])
        tested = set(found["test"])
    except (ConfigError, KeyError, TypeError, AttributeError):
        return False
    cells = asked.cells if asked.cells is not None else build.test_cells_of(task)
    wanted = asked.checkpoint, asked.memory_slots, asked.prolong, _filled(asked.grid.values)
    axes = build.axes_of(task)
    return settings == wanted and {cell_name(axes, cell) for cell in cells} <= tested


def _filled(grid: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """The axes of a grid that have values; none where no grid is asked for."""
    return {key: values for key, values in grid.items() if values}


def to_evaluate(plan: StudyPlan, names: Iterable[str]) -> list[dict[str, Any]]:
    """The settings of src.evaluate for each finished run of sweeps that is not evaluated yet."""
    asked = [(run, request(run, plan.evaluate[name])) for name in names for run in finished(plan, name)]
    return [cfg for run, cfg in asked if not evaluated(run, cfg)]


def evaluate_finished(plan: StudyPlan, workers: int = 1) -> None:
    """Evaluate the finished runs of the study that are not evaluated yet, several at a time by joblib."""
    for name in plan.evaluate:
        if not finished(plan, name):
            print(f"{name}: no run has finished, so none is evaluated yet", flush=True)
    todo = to_evaluate(plan, plan.evaluate)
    numbered = [(f"{number} of {len(todo)}", cfg) for number, cfg in enumerate(todo, 1)]
    if workers == 1:
        for number, cfg in numbered:
            _evaluate(number, cfg)
    else:
        import joblib  # type: ignore[import-untyped]

        joblib.Parallel(workers)(joblib.delayed(_evaluate)(number, cfg) for number, cfg in numbered)


def _evaluate(number: str, cfg: Mapping[str, Any]) -> None:
    print(f"evaluating {number}: {cfg['run']}", flush=True)
    evaluate.evaluate(cfg)


def unready(plan: StudyPlan, report: StudyReport) -> list[str]:
    """The sweeps of a report that are incomplete, each with what it lacks."""
    missing = []
    for name in report.sweeps:
        folder = plan.sweeps[name].folder
        jobs = sweep.statuses(folder) if (folder / "sweep.json").exists() else []
        done = sum(job.status in DONE for job in jobs)
        if not jobs or done < len(jobs):
            missing.append(f"{name} ({done} of {len(jobs)} jobs done)" if jobs else f"{name} (not begun)")
        elif name in plan.evaluate and (count := len(to_evaluate(plan, [name]))):
            missing.append(f"{name} ({count} runs to evaluate)")
    return missing


def publish(plan: StudyPlan, published: Path) -> None:
    """Make every report whose runs are complete; existing reports are made again, which takes seconds.

    Raises:
        ConfigError: a report failed, or waits for runs; the other reports are made.
    """
    waiting, failed = [], []
    for name, report in plan.reports.items():
        missing = unready(plan, report)
        if missing:
            waiting.append(f"{name} waits for {', '.join(missing)}")
            continue
        out = published / name
        code = run_module(report_line(plan, report, out))
        if code:
            failed.append(f"{name}: {command('report')} ended with exit code {code}")
    if failed or waiting:
        raise ConfigError(f"reports: {'; '.join([*failed, *waiting])}")


def command_of(plan: StudyPlan) -> str:
    """The command that makes a study again."""
    return f"make {plan.name}" if CHECKOUT else f"{program('study')} study={plan.name}"


def report_line(plan: StudyPlan, report: StudyReport, out: Path) -> list[str]:
    """The command line of a report."""
    folders = ",".join(cli.quoted(plan.sweeps[name].folder) for name in report.sweeps)
    texts = [f"title={cli.quoted(report.title)}", f"command={cli.quoted(command_of(plan))}"]
    tuning = plan.folder / "tuning.csv"
    table = [f"tuning={cli.quoted(tuning)}"] if plan.tuning is not None and tuning.exists() else []
    return [module("report"), f"runs=[{folders}]", f"out={cli.quoted(out)}", *texts, *table, *report.settings]
