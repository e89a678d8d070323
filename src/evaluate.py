"""Test a finished run again, beyond what it was trained on: `python -m src.evaluate run=<run folder>`."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from src.callbacks.pictures import draw, save
from src.common import checks, output
from src.common.files import write_json
from src.common.text import table
from src.figures.grid import length_repeat_grid
from src.figures.png import figure_errors_as_warnings
from src.figures.style import Figure
from src.run import provenance
from src.run.folder import RunFolder
from src.run.load import Run, load_run
from src.settings import build, cli, errors, keys
from src.settings.errors import ConfigError
from src.tasks.repeat_copy import RepeatCopy, check_cells

log = logging.getLogger(__name__)
#: Metrics that are drawn over a grid of lengths and repeats.
GRID_METRICS = ("payload_error", "end_error", "end_exact", "exact", "error_bits")


class Request(NamedTuple):
    """What is to be tested."""

    cells: list[tuple[int, int]] | None  # None for the run's own
    lengths: list[int]  # of the grid; empty for none
    repeats: list[int]
    memory_slots: int | None
    checkpoint: str


def read_request(cfg: Mapping[str, Any], task_name: str) -> Request:
    """Check the settings of an evaluation.

    Raises:
        ConfigError: a value that cannot be used, or one that does not suit the run's task.
    """
    checkpoint = errors.check("", checks.choice, "checkpoint", cfg["checkpoint"], ("best", "last"))
    slots = cfg["memory_slots"]
    if slots is not None:
        slots = errors.check("", checks.integer, "memory_slots", slots)
    if cfg["figure"]["cmap"] is not None:
        keys.check_cmap(cfg["figure"]["cmap"])
    lengths, repeats = cfg["grid"]["lengths"], cfg["grid"]["repeats"]
    asked = {"test_cells": cfg["test_cells"], "grid.lengths": lengths, "grid.repeats": repeats}
    for key, value in asked.items():
        if value is not None and task_name != "repeat_copy":
            raise ConfigError(f"{key}={value!r}: is for runs on repeat_copy; must be null on {task_name}")
    if (lengths is None) != (repeats is None):
        raise ConfigError(
            f"grid.lengths={lengths!r}, grid.repeats={repeats!r}: must both be lists of integers, or both null"
        )
    cells = None if cfg["test_cells"] is None else errors.check("", check_cells, "test_cells", cfg["test_cells"])
    if lengths is not None:
        lengths = sorted(set(errors.check("", checks.integers, "grid.lengths", lengths)))
        repeats = sorted(set(errors.check("", checks.integers, "grid.repeats", repeats)))
    return Request(cells, lengths or [], repeats or [], slots, checkpoint)


def open_run(cfg: Mapping[str, Any]) -> tuple[Request, Run]:
    """What is asked for, and the run it is asked of.

    Raises:
        ConfigError: a run that cannot be opened, or settings that do not suit it.
    """
    if cfg["run"] is None:
        raise ConfigError("run=None: must be the folder of a run: python -m src.evaluate run=outputs/runs/...")
    request = read_request(cfg, RunFolder(str(cfg["run"])).read_config()["task"]["name"])
    run = load_run(str(cfg["run"]), request.checkpoint)
    cli.check_writable("run", Path(str(cfg["run"])))
    if request.memory_slots is not None and run.model.memory_slots is None:
        raise ConfigError(
            f"memory_slots={request.memory_slots!r}: {run.config['model']['name']} has no memory; must be null"
        )
    return request, run


def evaluate(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Test a run, write evaluation.json and figures into its folder, and return what was written.

    Raises:
        ConfigError: a run that cannot be opened, or settings that cannot be used; nothing is written then.
    """
    request, run = open_run(cfg)
    folder, stored = Path(str(cfg["run"])), run.config
    task = run.task
    if isinstance(task, RepeatCopy) and request.cells is not None:
        task.test_cells = request.cells
    learner = build.build_learner(run.config, task, run.model, request.memory_slots)
    learner.eval()
    task.setup()

    sets: dict[str, Any] = dict(task.tests)
    if isinstance(task, RepeatCopy):
        grid = [(length, repeat) for length in request.lengths for repeat in request.repeats]
        sets |= {f"{length}x{repeat}": task.cell(length, repeat) for length, repeat in grid}
    tested: dict[str, Any] = {}
    for name, batches in sets.items():
        tested[name] = learner.measure(batches)
        slots = tested[name].get("memory_slots")
        if slots is not None and slots != run.model.memory_slots:
            log.info("%s: tested with %d memory slots; trained with %d", name, slots, run.model.memory_slots)

    cmap = cfg["figure"]["cmap"] or run.config["figure"]["cmap"]
    figures = draw_grids(tested, request, task)
    with figure_errors_as_warnings("of the examples"):
        figures |= draw(learner, task.examples(), cmap)
    save({f"evaluation_{name}": figure for name, figure in figures.items()}, folder)
    evaluation = {
        "model": stored["model"]["name"],
        "task": stored["task"]["name"],
        "seed": stored["seed"],
        "checkpoint": request.checkpoint,
        "test": {**tested.pop("test"), **tested} if "test" in tested else tested,
        "grid": {"lengths": request.lengths, "repeats": request.repeats},
        "memory_slots": request.memory_slots,
        "git_revision": provenance.git_revision(),
        "versions": provenance.versions(),
    }
    write_json(folder / "evaluation.json", evaluation)
    return evaluation


def draw_grids(tested: Mapping[str, Mapping[str, float]], request: Request, task: Any) -> dict[str, Figure]:
    """A heat map of lengths and repeats for each metric; nothing without a grid."""
    if not request.lengths:
        return {}
    trained = (task.lengths, task.repeats)
    figures: dict[str, Figure] = {}
    for metric in GRID_METRICS:
        values = np.array(
            [[tested[f"{length}x{repeat}"][metric] for repeat in request.repeats] for length in request.lengths]
        )
        label = metric.replace("_", " ")
        with figure_errors_as_warnings(f"grid_{metric}"):
            figures[f"grid_{metric}"] = length_repeat_grid(
                values, request.lengths, request.repeats, label, trained
            )
    return figures


def main(cfg: dict[str, Any]) -> None:
    """Evaluate one run."""
    evaluation = evaluate(cfg)
    print(f"\n{table(evaluation['test'])}\n\nevaluated: {cfg['run']}")


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse a run that cannot be opened, and settings that do not suit it."""
    open_run(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("evaluate", main, refuse)
