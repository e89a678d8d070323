"""Training speed: sequences a second by model and batch size."""

import argparse
from pathlib import Path
from typing import Any

from .rounds import best_times, digits, dnc_package_round, peer_round, shape_overrides, sizes_of, training_round

ABOUT = "training sequences a second on repeat-copy, and in brackets the ratio to the first model"
MODELS = (
    "lstm model.hidden_size=100",
    "gru model.hidden_size=100",
    "ntm",
    "dms_ntm model.motion=relative",
    "dms_ntm model.motion=hybrid",
    "dms_ntm model.carry=position",
    "dnc",
    "ntm model.engine=reference",
    "dms_ntm model.engine=reference",
    "dnc model.engine=reference",
)
PEER = "pytorch-ntm"
DNC_PACKAGE = "dnc (PyPI)"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add(
        "--models",
        nargs="+",
        default=list(MODELS),
        help="names, each with overrides if quoted: 'ntm task.width=4'",
    )
    add("--batch-sizes", nargs="+", type=int, default=[1, 8, 16, 64])
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--drawn", action="store_true", help="lengths and repeats drawn as in training, instead of fixed ones")
    add("--updates", type=int, default=3, help="least updates in a round, each with another batch")
    add("--sequences", type=int, default=32, help="least sequences in a round")
    add("--rounds", type=int, default=6)
    add("--peer", type=Path, default=None, help="a checkout of pytorch-ntm to measure as well")
    add(
        "--dnc-package",
        action="store_true",
        help="measure the package dnc of PyPI as well, which must be installed",
    )


def measure(given: argparse.Namespace) -> dict[str, dict[int, float]]:
    """Sequences a second of all models and batch sizes."""
    shape = [] if given.drawn else shape_overrides(given.length, given.repeats)
    updates = {size: max(given.updates, -(-given.sequences // size)) for size in given.batch_sizes}
    timed = {
        (model, size): training_round(model, size, shape, count)
        for model in given.models
        for size, count in updates.items()
    }
    if given.peer is not None:
        timed |= {(PEER, size): peer_round(given.peer, size, shape, count) for size, count in updates.items()}
    if given.dnc_package:
        timed |= {(DNC_PACKAGE, size): dnc_package_round(size, shape, count) for size, count in updates.items()}
    rates: dict[str, dict[int, float]] = {}
    for (model, size), seconds in best_times(timed, given.rounds).items():
        rates.setdefault(model, {})[size] = updates[size] * size / seconds
    return rates


def markdown(rates: dict[str, dict[int, float]]) -> str:
    """A Markdown table of the rates, each with its ratio to the first model, and of the models' sizes.

    The state is that after the longest sequence of training with the default settings of the task.
    """
    first: dict[int, float] = next(iter(rates.values()))
    header = ["model", *(f"batch {size}" for size in first), "parameters", "state"]
    lines = [f"| {' | '.join(header)} |", "|---|" + "---:|" * (len(header) - 1)]
    for model, row in rates.items():
        cells = (f"{digits(rate)} ({digits(rate / first[size])})" for size, rate in row.items())
        sizes = ("", "") if model in (PEER, DNC_PACKAGE) else (f"{size:,}" for size in sizes_of(model))
        lines.append(f"| `{model}` | " + " | ".join([*cells, *sizes]) + " |")
    return "\n".join(lines)


def figure(rates: dict[str, dict[int, float]]) -> Any:
    """A bar chart of all models, with one panel per batch size."""
    from ..figures.bars import bars

    sizes = list(next(iter(rates.values())))
    return bars(
        list(rates),
        {f"batch {size}": [row[size] for row in rates.values()] for size in sizes},
        "sequences a second",
    )
