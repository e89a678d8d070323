"""Test a finished run again, on longer sequences too: `python -m src.evaluate run=<run folder>`."""

import logging
from collections.abc import Mapping
from typing import Any

from .callbacks.pictures import draw, save
from .common import output
from .common.paths import program
from .common.text import table
from .figures.png import figure_errors_as_warnings
from .lit import baselines, objectives
from .run import provenance
from .run.cell_figures import draw_cells
from .run.evaluation import KIND, Request, read_request
from .run.folder import RunFolder, check_results_folder, results_folder
from .run.load import Run, check_slots, load_run
from .settings import build, cli, longest
from .settings.errors import ConfigError
from .tasks.batches import prolonged

log = logging.getLogger(__name__)


def open_run(cfg: Mapping[str, Any]) -> tuple[Request, Run]:
    """The request of a configuration, and the run to evaluate.

    Raises:
        ConfigError: a run that cannot be opened, or settings that do not fit it.
    """
    if cfg["run"] is None:
        raise ConfigError(f"run=None: must be the folder of a run: {program('evaluate')} run=outputs/runs/...")
    request = read_request(cfg, RunFolder(str(cfg["run"])).read_config()["task"])
    run = load_run(str(cfg["run"]), request.checkpoint)
    check_results_folder(request.out, cfg["out"])
    check_slots(request.memory_slots, run)
    for key, cells in {"test_cells": request.cells or (), "grid": request.grid.cells}.items():
        steps = max((run.task.steps_of(*cell) for cell in cells), default=0) + request.prolong
        longest.check_steps(f"{key}={cfg[key]!r}", steps, run.config, run.model)
    return request, run


def evaluate(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Test a run, write evaluation.json and figures, and return the content of the former.

    They are written into `out`, or else into the folder of the run, see `results_folder`.

    Raises:
        ConfigError: a run that cannot be opened, or settings that do not fit it; nothing was written.
    """
    request, run = open_run(cfg)
    task, stored = run.task, run.config
    if request.grid.left_out:
        log.info("%s", request.grid.left_out)
    if request.cells is not None:
        task.test_cells = request.cells
    learner = build.build_learner(stored, task, run.model, request.memory_slots)
    task.setup()

    sets: dict[str, Any] = dict(task.tests)
    sets |= {task.name_of(cell): task.cell(*cell) for cell in request.grid.cells}
    if request.prolong:
        sets |= {
            name: [prolonged(batch, request.prolong) for batch in sets[name]]
            for name in map(task.name_of, [*task.test_cells, *request.grid.cells])
        }
    tested: dict[str, Any] = {}
    for name, batches in sets.items():
        tested[name] = learner.measure(batches)
        slots = tested[name].get("memory_slots")
        if slots is not None and slots != run.model.memory_slots:
            log.info("%s: tested with %d memory slots; trained with %d", name, slots, run.model.memory_slots)

    cmap = cfg["figure"]["cmap"] or stored["figure"]["cmap"]
    known = baselines.of_sets(task, sets)
    figures = draw_cells(str(stored["model"]["name"]), tested, known, request.grid.values, task, learner.objective)
    with figure_errors_as_warnings("of the examples"):
        figures |= draw(learner, task.examples(), cmap)
    save({f"evaluation_{name}": figure for name, figure in figures.items()}, request.out)
    evaluation = {
        "model": stored["model"]["name"],
        "task": stored["task"]["name"],
        "seed": stored["seed"],
        "checkpoint": request.checkpoint,
        "test": {**tested.pop("test"), **tested} if "test" in tested else tested,
        "baselines": known,
        "grid": request.grid.values,
        "memory_slots": request.memory_slots,
        "prolong": request.prolong,
        "git_revision": provenance.git_revision(),
        "versions": provenance.versions(),
    }
    RunFolder(request.out).write_evaluation(evaluation)
    return evaluation


def main(cfg: dict[str, Any]) -> None:
    """Evaluate one run."""
    evaluation = evaluate(cfg)
    below = baselines.of_tests(evaluation["test"], evaluation["baselines"])
    print(f"\n{table(evaluation['test'], below, lambda name: not objectives.is_detail(name))}")
    if details := table(evaluation["test"], shown=objectives.is_detail):
        print(f"\n{details}")
    print(f"\nevaluated: {cfg['run']}")
    print(f"written: {results_folder(cfg['run'], cfg['out'], KIND)}")


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse a run that cannot be opened, and settings that do not fit it."""
    open_run(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("evaluate", main, refuse)
