"""Roofline: the operations of a training update, and the rate at which this processor could do them at most."""

import argparse
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from ..cells.machine import Machine
from ..settings import build
from .rounds import best_times, compose_config, digits, shape_overrides, split_overrides, training_round

ABOUT = "operations of an update, and the share of what this processor can do at most that the updates reach"
MODELS = ("lstm model.hidden_size=100", "ntm", "dms_ntm")
#: Rows and columns of the matrices, and MiB of the arrays, with which the limits are measured.
PRODUCT, CACHED, UNCACHED = 1024, 0.25, 64
#: Copies of an array in a round.
COPIES = 20
#: A backward has two operations for each one of the forward: for the gradient of each factor of a product.
TRAINING = 3


class Operations(NamedTuple):
    """Floating-point operations of a sequence, forward and backward."""

    products: float  # of weights and activations
    memory: float  # of a machine: keys, norms, writes and reads

    @property
    def total(self) -> float:
        """All of them."""
        return self.products + self.memory


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--models", nargs="+", default=list(MODELS), help="recurrent ones: names, with overrides if quoted")
    add("--batch-sizes", nargs="+", type=int, default=[1, 16, 64])
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--updates", type=int, default=6, help="in a round, each with another batch")
    add("--rounds", type=int, default=5)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """The limits of the processor; of each model, the operations of a sequence and its rates by batch size."""
    shape = shape_overrides(given.length, given.repeats)
    timed: dict[tuple[str, int], Any] = {
        (model, size): training_round(model, size, shape, given.updates)
        for model in given.models
        for size in given.batch_sizes
    }
    a = b = torch.rand(PRODUCT, PRODUCT)
    timed["product", 0] = lambda: torch.mm(a, b)
    copied = {"cached": CACHED, "uncached": UNCACHED}
    timed |= {(name, 0): partial(_copy, torch.zeros(int(mib * 2**18))) for name, mib in copied.items()}
    seconds = best_times(timed, given.rounds)
    limits = {"product": 2 * PRODUCT**3 / seconds["product", 0] / 1e9}
    limits |= {name: 2 * COPIES * mib * 2**20 / seconds[name, 0] / 1e9 for name, mib in copied.items()}
    models = {
        model: {
            "operations": operations(model, shape)._asdict(),
            "rates": {size: given.updates * size / seconds[model, size] for size in given.batch_sizes},
        }
        for model in given.models
    }
    return {"limits": limits, "models": models}


def _copy(source: torch.Tensor) -> None:
    target = torch.empty_like(source)
    for _ in range(COPIES):
        target.copy_(source)


def operations(model: str, shape: list[str]) -> Operations:
    """The operations of a sequence of one shape; a weight is used once a step."""
    name, overrides = split_overrides(model)
    cfg = compose_config(f"model={name}", *shape, *overrides)
    task = build.build_task(cfg)
    network = build.build_network(cfg, task)
    steps = task.training_batch(0).x.shape[1]
    return Operations(*(2.0 * TRAINING * steps * used for used in (weights(network), slots(network))))


def weights(network: nn.Module) -> int:
    """Products of one weight and one number in a step."""
    return sum(
        weight.numel() for name, weight in network.named_parameters() if "weight" in name and weight.dim() == 2
    )


def slots(network: Any) -> int:
    """Products of one number of the memory in a step: for keys, norms, erasing, adding and reading."""
    cell = getattr(network, "cell", None)
    if not isinstance(cell, Machine):
        return 0
    heads = cell.read_heads + cell.write_heads
    uses = 2 * cell.write_heads + cell.read_heads + (heads + 1 if cell.content_addressing else 0)
    return cell.memory_slots * cell.word_size * uses


def markdown(found: dict[str, Any]) -> str:
    """The limits in a sentence, and a table with a line for each model and batch size."""
    limits = found["limits"]
    lines = [
        f"At most: {limits['product']:.0f} GFLOP/s in products of matrices, {limits['cached']:.0f} GB/s in the "
        f"cache, {limits['uncached']:.0f} GB/s in memory.",
        "",
        "| model | batch | MFLOP a sequence in products | in the memory | sequences a second | at most | share |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for model, row in found["models"].items():
        done = Operations(**row["operations"])
        most = limits["product"] * 1e9 / done.total
        for size, rate in row["rates"].items():
            lines.append(
                f"| `{model}` | {size} | {done.products / 1e6:.1f} | {done.memory / 1e6:.1f} | {digits(rate)} | "
                f"{digits(most)} | {100 * rate / most:.0f} % |"
            )
    return "\n".join(lines)
