"""Cost of sampling: time to draw a training batch of each task, and to make the update that it is for."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ..common.paths import CONF
from ..tasks.base import Task
from .rounds import best_times, compose_config, updating

ABOUT = "milliseconds to draw a training batch of a task at its own batch size, and to make the update it is for"
#: What is timed.
PARTS = ("sampling", "update")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--tasks", nargs="+", default=sorted(path.stem for path in Path(CONF, "task").glob("*.yaml")))
    add("--model", default="ntm")
    add("--updates", type=int, default=8, help="in a round, each with another batch")
    add("--rounds", type=int, default=5)


def measure(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Milliseconds of both parts by task, of one batch."""
    timed: dict[tuple[str, str], Callable[[], Any]] = {}
    for name in given.tasks:
        task, make_updates = updating(compose_config(f"model={given.model}", task=name))
        task.setup()
        batches = [task.training_batch(n) for n in range(given.updates)]
        timed[name, "sampling"] = partial(_draw, task, given.updates)
        timed[name, "update"] = partial(make_updates, batches)
    seconds = best_times(timed, given.rounds)
    return {name: {part: 1000 * seconds[name, part] / given.updates for part in PARTS} for name in given.tasks}


def _draw(task: Task, batches: int) -> None:
    for n in range(batches):
        task.training_batch(n)


def markdown(costs: dict[str, dict[str, float]]) -> str:
    """A Markdown table with a line for each task."""
    lines = ["| task | sampling, ms | update, ms | sampling as a share of the update |", "|---|---:|---:|---:|"]
    for name, cost in costs.items():
        share = cost["sampling"] / cost["update"]
        lines.append(f"| `{name}` | {cost['sampling']:.2f} | {cost['update']:.1f} | {100 * share:.1f} % |")
    return "\n".join(lines)
