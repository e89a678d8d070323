"""Peak memory of training above that of the idle process; Linux only."""

import argparse
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import torch

from .rounds import digits, peer_round, shape_overrides, training_round
from .speed import PEER

ABOUT = "MiB of peak memory that training adds to the process"
MODELS = (
    "lstm model.hidden_size=100",
    "ntm",
    "dms_ntm model.motion=relative",
    "dms_ntm model.motion=hybrid",
    "dms_ntm model.carry=position",
    "ntm model.engine=reference",
)
#: Updates after which the memory no longer grows.
UPDATES = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS))
    add("--batch-sizes", nargs="+", type=int, default=[16, 64])
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--peer", type=Path, default=None, help="a checkout of pytorch-ntm to measure as well")


def measure(given: argparse.Namespace) -> dict[str, dict[int, float]]:
    """MiB by model and batch size, each measured in a new process."""
    context = multiprocessing.get_context("spawn")
    peaks: dict[str, dict[int, float]] = {}
    for model in [*given.models, *([PEER] if given.peer is not None else [])]:
        for size in given.batch_sizes:
            with context.Pool(1) as pool:
                peaks.setdefault(model, {})[size] = pool.apply(
                    _peak, (model, size, shape_overrides(given.length, given.repeats), given.peer, given.threads)
                )
    return peaks


def _peak(model: str, batch_size: int, shape: list[str], peer: Path | None, threads: int) -> float:
    torch.set_num_threads(threads)

    def make(size: int, updates: int) -> Callable[[], None]:
        if model == PEER:
            assert peer is not None
            return peer_round(peer, size, shape, updates)
        return training_round(model, size, shape, updates)

    make(1, 1)()  # loads libraries and compiles kernels
    run = make(batch_size, UPDATES)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the peak
    before = _resident("VmRSS")
    run()
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    """Memory of this process in MiB: current (VmRSS) or peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def markdown(peaks: dict[str, dict[int, float]]) -> str:
    """A Markdown table of all models and batch sizes."""
    sizes = list(next(iter(peaks.values())))
    lines = ["| model | " + " | ".join(f"batch {size}" for size in sizes) + " |", "|---|" + "---:|" * len(sizes)]
    lines += [f"| `{model}` | " + " | ".join(map(digits, row.values())) + " |" for model, row in peaks.items()]
    return "\n".join(lines)
