"""Overhead of the training loop: `trainer.fit` against updates alone, and the parts of an update."""

import argparse
import logging
import tempfile
import time
from typing import Any

from ..run.train import train
from .rounds import compose_config, digits, shape_overrides, split_overrides, training_round

ABOUT = (
    "sequences a second through trainer.fit with default logging and of updates alone; time of an update by part"
)
#: Part of an update -> action of Lightning's profiler; the optimiser step includes the parts after it.
SPLIT = {
    "sampling": "[_TrainingEpochLoop].train_dataloader_next",
    "optimiser step": "[LightningModule]{learner}.optimizer_step",
    "forward and loss": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "clipping": "[LightningModule]{learner}.configure_gradient_clipping",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--model", default="ntm", help="a name, with overrides if quoted")
    add("--batch-sizes", nargs="+", type=int, default=[1, 16, 64])
    add("--sequences", type=int, default=1600, help="of a fit; at least 100 updates")
    add("--drawn", action="store_true", help="lengths and repeats drawn as in training, instead of 10 and 10")
    add("--rounds", type=int, default=4)


def measure(given: argparse.Namespace) -> dict[int, dict[str, float]]:
    """Both rates and milliseconds of an update by part, for each batch size."""
    shape = [] if given.drawn else shape_overrides(10, 10)
    results = {}
    for size in given.batch_sizes:
        updates = max(100, given.sequences // size)
        rates = {"updates alone": 0.0, "trainer.fit": 0.0}
        alone = training_round(given.model, size, shape, updates)
        alone()  # a warm-up that is not timed
        for _ in range(given.rounds):
            started = time.perf_counter()
            alone()
            rate = updates * size / (time.perf_counter() - started)
            rates["updates alone"] = max(rates["updates alone"], rate)
            metrics = _fit(given.model, size, shape, updates).metrics
            rates["trainer.fit"] = max(rates["trainer.fit"], metrics["sequences"] / metrics["seconds"])
        results[size] = {**rates, **_split(given.model, size, shape, updates)}
    return results


def _fit(model: str, batch_size: int, shape: list[str], updates: int, *overrides: str) -> Any:
    """A run of `updates` updates with one small validation and no test cells."""
    name, own = split_overrides(model)
    small = ["task.validation_size=8", "task.test_size=8", "task.test_cells=[]", f"validate_every={updates}"]
    sizes = [f"task.batch_size={batch_size}", f"trainer.max_steps={updates}", "stop_when_solved=false"]
    cfg = compose_config(f"model={name}", *shape, *own, *small, *sizes, *overrides)
    with tempfile.TemporaryDirectory() as folder:
        return train(cfg, folder)


def _split(model: str, batch_size: int, shape: list[str], updates: int) -> dict[str, float]:
    """Milliseconds of an update by part, measured by Lightning's profiler."""
    logging.getLogger("lightning.pytorch.profilers.profiler").setLevel(logging.WARNING)  # hides its table
    outcome = _fit(model, batch_size, shape, updates, "+trainer.profiler=simple")
    recorded = outcome.trainer.profiler.recorded_durations
    learner = type(outcome.learner).__name__
    milliseconds = {
        part: 1000 * sum(recorded[action.format(learner=learner)]) / updates for part, action in SPLIT.items()
    }
    parts = {name: milliseconds[name] for name in ("sampling", "forward and loss", "backward", "clipping")}
    within = milliseconds["forward and loss"] + milliseconds["backward"] + milliseconds["clipping"]
    parts["optimiser"] = milliseconds["optimiser step"] - within
    parts["loop, callbacks, logging"] = (
        1000 * outcome.metrics["seconds"] / updates - milliseconds["optimiser step"] - milliseconds["sampling"]
    )
    return parts


def markdown(results: dict[int, dict[str, float]]) -> str:
    """A Markdown table of rates and parts by batch size."""
    lines = ["| | " + " | ".join(f"batch {size}" for size in results) + " |", "|---|" + "---:|" * len(results)]
    for name in next(iter(results.values())):
        unit = "sequences a second" if name in ("updates alone", "trainer.fit") else "ms of an update"
        lines.append(f"| {name}, {unit} | " + " | ".join(digits(row[name]) for row in results.values()) + " |")
    ratios = (row["trainer.fit"] / row["updates alone"] for row in results.values())
    lines.insert(4, "| their ratio | " + " | ".join(map(digits, ratios)) + " |")
    return "\n".join(lines)
