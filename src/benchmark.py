"""How fast training is: `python -m src.benchmark`.

One training step is forward, loss, backward and optimiser over a whole batch of repeat-copy at one length
and number of repeats. All models and batch sizes take turns in every round, so that they share whatever
else the machine is doing; the fastest round counts.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir

from src import build, cli
from src.runs import versions
from src.tasks.repeat_copy import RepeatCopy

MODELS = (
    "lstm model.hidden_size=100",
    "gru model.hidden_size=100",
    "ntm",
    "dms_ntm model.motion=relative",
    "dms_ntm model.motion=hybrid",
    "dms_ntm model.carry=position",
)


def training_step(model: str, batch_size: int, length: int, repeats: int) -> Callable[[], None]:
    """One update of a freshly made model, as a function to be timed."""
    name, *overrides = model.split()
    task = f"task.min_length={length} task.max_length={length}".split()
    task += f"task.min_repeats={repeats} task.max_repeats={repeats} task.batch_size={batch_size}".split()
    with initialize_config_dir(cli.CONF, version_base="1.3"):
        cfg = build.resolve(compose("train", [f"model={name}", "task=repeat_copy", *overrides, *task]))
    torch.manual_seed(0)
    made = build.build_task(cfg)
    assert isinstance(made, RepeatCopy)
    learner = build.build_learner(cfg, made, build.build_network(cfg, made))
    optimizer = learner.make_optimizer(learner.network.parameters())
    batch = made.training_batch(0)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss, _ = learner.loss_and_metrics(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.network.parameters(), 10.0)
        optimizer.step()

    return step


def benchmark(
    models: list[str], batch_sizes: list[int], length: int, repeats: int, rounds: int
) -> dict[str, dict[int, float]]:
    """Training sequences a second, by model and batch size."""
    steps = {
        (model, size): training_step(model, size, length, repeats) for model in models for size in batch_sizes
    }
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds + 1):  # the first round warms up; the best of all counts
        for key, step in steps.items():
            started = time.perf_counter()
            step()
            best[key] = min(best[key], time.perf_counter() - started)
    return {model: {size: size / best[model, size] for size in batch_sizes} for model in models}


def markdown(rates: dict[str, dict[int, float]], reference: str) -> str:
    """The rates as a Markdown table, each with its ratio to a reference model."""
    sizes = list(next(iter(rates.values())))
    lines = ["| model | " + " | ".join(f"batch {size}" for size in sizes) + " |"]
    lines.append("|---|" + "---:|" * len(sizes))
    for model, row in rates.items():
        cells = (f"{row[size]:.1f} ({row[size] / rates[reference][size]:.2f})" for size in sizes)
        lines.append(f"| {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Parse the command line, measure, print, and write if asked."""
    parser = argparse.ArgumentParser(
        prog="python -m src.benchmark",
        description="Training sequences a second on repeat-copy, and the ratio to the first model.",
    )
    parser.add_argument("--models", nargs="+", default=list(MODELS), help="model, with overrides in one word")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--length", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None, help="torch threads; torch's own choice if not given")
    parser.add_argument("--out", type=Path, default=None, help="folder for benchmark.json and benchmark.md")
    given = parser.parse_args()
    numbers = {"--length": given.length, "--repeats": given.repeats, "--rounds": given.rounds}
    numbers |= {"--batch-sizes": min(given.batch_sizes), "--threads": given.threads or 1}
    for key, value in numbers.items():
        if value < 1:
            parser.error(f"{key} {value}: must be at least 1")
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        rates = benchmark(given.models, given.batch_sizes, given.length, given.repeats, given.rounds)
    except Exception as error:
        parser.error(f"--models: {str(error).splitlines()[0]}")
    text = markdown(rates, given.models[0])
    print(f"Training sequences a second (ratio to {given.models[0]}), {torch.get_num_threads()} threads\n\n{text}")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        shape = {"length": given.length, "repeats": given.repeats, "threads": torch.get_num_threads()}
        content = {"sequences_per_second": rates, **shape, "versions": versions()}
        (given.out / "benchmark.json").write_text(json.dumps(content, indent=2) + "\n")
        (given.out / "benchmark.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
