"""What the training loop costs: the same updates through `trainer.fit`, and where an update's time goes."""

import argparse
import logging
import tempfile
import time
from typing import Any

from src.benchmark.rounds import composed, digits, parted, shaped, training_round
from src.run.train import train

ABOUT = (
    "sequences a second through trainer.fit with default logging, beside the updates alone; and an update's split"
)
#: Actions of Lightning's profiler, by what they are here; the optimiser's step holds those that come after it.
SPLIT = {
    "sampling": "[_TrainingEpochLoop].train_dataloader_next",
    "optimiser step and all within": "[LightningModule]{learner}.optimizer_step",
    "forward and loss": "[Strategy]SingleDeviceStrategy.training_step",
    "backward": "[Strategy]SingleDeviceStrategy.backward",
    "clipping": "[LightningModule]{learner}.configure_gradient_clipping",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    add = parser.add_argument
    add("--model", default="ntm", help="a name, with overrides, in quotes")
    add("--batch-sizes", nargs="+", type=int, default=[1, 16, 64])
    add("--sequences", type=int, default=1600, help="of a fit; at least 100 updates")
    add("--drawn", action="store_true", help="lengths and repeats drawn as in training, instead of 10 and 10")
    add("--rounds", type=int, default=4)


def measure(given: argparse.Namespace) -> dict[int, dict[str, float]]:
    """By batch size: both rates, and milliseconds of an update by part."""
    shape = [] if given.drawn else shaped(10, 10)
    results = {}
    for size in given.batch_sizes:
        updates = max(100, given.sequences // size)
        rates = {"updates alone": 0.0, "trainer.fit": 0.0}
        alone = training_round(given.model, size, shape, updates)
        alone()  # what is done once is not what is asked
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
    """A run of so many updates with one validation, small, as all that is not asked for here."""
    name, own = parted(model)
    small = ["task.validation_size=8", "task.test_size=8", "task.test_cells=[]", f"validate_every={updates}"]
    sizes = [f"task.batch_size={batch_size}", f"trainer.max_steps={updates}", "stop_when_solved=false"]
    cfg = composed(f"model={name}", *shape, *own, *small, *sizes, *overrides)
    with tempfile.TemporaryDirectory() as folder:
        return train(cfg, folder)


def _split(model: str, batch_size: int, shape: list[str], updates: int) -> dict[str, float]:
    """Milliseconds of an update by part, as Lightning's own profiler sees them."""
    logging.getLogger("lightning.pytorch.profilers.profiler").setLevel(logging.WARNING)  # not its own table
    outcome = _fit(model, batch_size, shape, updates, "+trainer.profiler=simple")
    seen = outcome.trainer.profiler.recorded_durations
    learner = type(outcome.learner).__name__
    took = {part: 1000 * sum(seen[action.format(learner=learner)]) / updates for part, action in SPLIT.items()}
    parts = {name: took[name] for name in ("sampling", "forward and loss", "backward", "clipping")}
    within = took["forward and loss"] + took["backward"] + took["clipping"]
    parts["optimiser"] = took["optimiser step and all within"] - within
    parts["loop, callbacks, logging"] = (
        1000 * outcome.metrics["seconds"] / updates - took["optimiser step and all within"] - took["sampling"]
    )
    return parts


def markdown(results: dict[int, dict[str, float]]) -> str:
    """Rates and parts by batch size."""
    lines = ["| | " + " | ".join(f"batch {size}" for size in results) + " |", "|---|" + "---:|" * len(results)]
    for name in next(iter(results.values())):
        unit = "sequences a second" if name in ("updates alone", "trainer.fit") else "ms of an update"
        lines.append(f"| {name}, {unit} | " + " | ".join(digits(row[name]) for row in results.values()) + " |")
    ratios = (row["trainer.fit"] / row["updates alone"] for row in results.values())
    lines.insert(4, "| their ratio | " + " | ".join(map(digits, ratios)) + " |")
    return "\n".join(lines)
