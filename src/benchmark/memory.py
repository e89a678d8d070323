"""The memory that training takes above what the process had before: the peak of some updates, on Linux."""

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import torch

from src.benchmark.rounds import digits, peer_round, shaped, training_round
from src.benchmark.speed import PEER

ABOUT = "MiB that training takes above what the process had before"
MODELS = (
    "lstm model.hidden_size=100",
    "ntm",
    "dms_ntm model.motion=relative",
    "dms_ntm model.motion=hybrid",
    "dms_ntm model.carry=position",
    "ntm model.engine=reference",
)
#: Updates after which no more memory is asked for.
UPDATES = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS))
    add("--batch-sizes", nargs="+", type=int, default=[16, 64])
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--peer", type=Path, default=None, help="a checkout of pytorch-ntm, measured beside the models")


def measure(given: argparse.Namespace) -> dict[str, dict[int, float]]:
    """MiB by model and batch size, each measured in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    taken: dict[str, dict[int, float]] = {}
    for model in [*given.models, *([PEER] if given.peer is not None else [])]:
        for size in given.batch_sizes:
            with spawned.Pool(1) as pool:
                taken.setdefault(model, {})[size] = pool.apply(
                    _taken, (model, size, shaped(given.length, given.repeats), given.peer, given.threads)
                )
    return taken


def _taken(model: str, batch_size: int, shape: list[str], peer: Path | None, threads: int) -> float:
    torch.set_num_threads(threads)

    def made(size: int, updates: int) -> Callable[[], None]:
        if model == PEER:
            assert peer is not None
            return peer_round(peer, size, shape, updates)
        return training_round(model, size, shape, updates)

    made(1, 1)()  # what is loaded and compiled is not of the batch
    run = made(batch_size, UPDATES)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak is counted anew
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(what: str) -> float:
    """Memory of this process in MiB: what it has now (VmRSS), or the most that it had (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def markdown(taken: dict[str, dict[int, float]]) -> str:
    """The numbers as a Markdown table."""
    sizes = list(next(iter(taken.values())))
    lines = ["| model | " + " | ".join(f"batch {size}" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    lines += [f"| `{model}` | " + " | ".join(map(digits, row.values())) + " |" for model, row in taken.items()]
    return "\n".join(lines)
