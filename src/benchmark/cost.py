"""Time of an update by sequence length, batch size and memory size."""

import argparse
from collections.abc import Sequence
from typing import Any

from .rounds import best_times, digits, shape_overrides, training_round

ABOUT = "milliseconds of an update by time steps (T), batch size (B) and memory slots (N)"
MODELS = ("ntm", "dms_ntm model.motion=relative", "dms_ntm model.motion=hybrid", "dms_ntm model.carry=position")
#: Sizes that are fixed while another one varies.
LENGTH, REPEATS, BATCH = 10, 10, 8


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS))
    add("--repeats", nargs="+", type=int, default=[10, 25, 50, 100, 198], help="T = 13 + 10 repeats")
    add("--batch-sizes", nargs="+", type=int, default=[1, 8, 32, 64, 128, 256])
    add("--slots", nargs="+", type=int, default=[32, 128, 256, 512, 1024])
    add("--rounds", type=int, default=5)


def measure(given: argparse.Namespace) -> dict[str, dict[str, dict[int, float]]]:
    """Milliseconds of an update by varied quantity (T, B, N), model and size."""
    sizes: dict[str, Sequence[int]] = {"T": given.repeats, "B": given.batch_sizes, "N": given.slots}
    timed = {}
    for what, values in sizes.items():
        for value in values:
            repeats = value if what == "T" else REPEATS
            shape = shape_overrides(LENGTH, repeats)
            if what == "N":
                shape.append(f"model.memory_slots={value}")
            size = LENGTH * (1 + repeats) + 3 if what == "T" else value
            for model in given.models:
                timed[what, model, size] = training_round(model, value if what == "B" else BATCH, shape, 1)
    costs: dict[str, dict[str, dict[int, float]]] = {}
    for (what, model, size), seconds in best_times(timed, given.rounds).items():
        costs.setdefault(what, {}).setdefault(model, {})[size] = 1000 * seconds
    return costs


def markdown(costs: dict[str, dict[str, dict[int, float]]]) -> str:
    """A Markdown table for each varied quantity."""
    tables = []
    for what, rows in costs.items():
        sizes = list(next(iter(rows.values())))
        lines = ["| model | " + " | ".join(f"{what} = {size}" for size in sizes) + " |"]
        lines.append("|---|" + "---:|" * len(sizes))
        lines += [f"| `{model}` | " + " | ".join(map(digits, row.values())) + " |" for model, row in rows.items()]
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def figure(costs: dict[str, dict[str, dict[int, float]]]) -> Any:
    """A figure with a panel for each varied quantity."""
    from ..figures.costs import costs_figure

    names = {"T": "time steps T", "B": "batch size B", "N": "memory slots N"}
    return costs_figure({names[what]: rows for what, rows in costs.items()}, "milliseconds of an update")
