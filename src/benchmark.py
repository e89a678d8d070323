"""How fast training is: `python -m src.benchmark`.

One update is forward, loss, backward, clipping and optimiser over a whole batch of repeat-copy, made before the
clock starts. All models and batch sizes take turns in every round, so that they share whatever else the machine
is doing, and the fastest round of each counts.
"""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

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
    "ntm model.engine=reference",
    "dms_ntm model.engine=reference",
)
PEER = "pytorch-ntm"
#: Bound on the norm of the gradient.
CLIP = 10.0


def training_round(model: str, batch_size: int, shape: list[str], updates: int) -> Callable[[], None]:
    """Some updates of a freshly made model, as a function to be timed.

    Args:
        model: its name, and overrides of the configuration behind it.
        batch_size: sequences.
        shape: overrides that set the lengths and repeats.
        updates: in a round, each on a batch of its own.
    """
    name, *overrides = model.split()
    sizes = [f"task.batch_size={batch_size}", *shape]
    with initialize_config_dir(cli.CONF, version_base="1.3"):
        cfg = build.resolve(compose("train", [f"model={name}", "task=repeat_copy", *sizes, *overrides]))
    torch.manual_seed(0)
    task = build.build_task(cfg)
    assert isinstance(task, RepeatCopy)
    learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    optimizer = learner.make_optimizer(learner.network.parameters())
    batches = [task.training_batch(n) for n in range(updates)]

    def run() -> None:
        with learner.at_work():
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                loss, _ = learner.loss_and_metrics(batch, wanted=False)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learner.network.parameters(), CLIP)
                optimizer.step()

    return run


def peer_round(checkout: Path, batch_size: int, shape: list[str], updates: int) -> Callable[[], None]:
    """The same of pytorch-ntm, from a checkout of github.com/loudinthecloud/pytorch-ntm, with its own settings."""
    sys.path.insert(0, str(checkout))
    try:
        encapsulated = importlib.import_module("ntm.aio").EncapsulatedNTM
    finally:
        sys.path.remove(str(checkout))
    with initialize_config_dir(cli.CONF, version_base="1.3"):
        cfg = build.resolve(
            compose("train", ["model=ntm", "task=repeat_copy", f"task.batch_size={batch_size}", *shape])
        )
    task = build.build_task(cfg)
    torch.manual_seed(0)
    network = encapsulated(task.input_size, task.output_size, 100, 1, 1, 128, 20)
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-4, momentum=0.9, alpha=0.95)
    batches = [task.training_batch(n) for n in range(updates)]

    def run() -> None:
        for batch in batches:
            optimizer.zero_grad()
            network.init_sequence(batch_size)
            answers = torch.stack([network(x)[0] for x in batch.x.unbind(1)], 1)
            asked = batch.mask.bool()
            torch.nn.functional.binary_cross_entropy(answers[asked], batch.y[asked]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()

    return run


def benchmark(
    models: list[str],
    batch_sizes: list[int],
    shape: list[str],
    updates: int,
    rounds: int,
    peer: Path | None = None,
) -> dict[str, dict[int, float]]:
    """Training sequences a second, by model and batch size; the arguments are those of `training_round`."""
    timed = {
        (model, size): training_round(model, size, shape, updates) for model in models for size in batch_sizes
    }
    if peer is not None:
        models = [*models, PEER]
        timed |= {(PEER, size): peer_round(peer, size, shape, updates) for size in batch_sizes}
    for run in timed.values():  # what is done once is not what is asked
        run()
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for key, run in timed.items():
            started = time.perf_counter()
            run()
            best[key] = min(best[key], time.perf_counter() - started)
    return {model: {size: updates * size / best[model, size] for size in batch_sizes} for model in models}


def markdown(rates: dict[str, dict[int, float]]) -> str:
    """The rates as a Markdown table, each with its ratio to the first model."""
    first = next(iter(rates.values()))
    lines = ["| model | " + " | ".join(f"batch {size}" for size in first) + " |", "|---|" + "---:|" * len(first)]
    for model, row in rates.items():
        cells = (f"{_digits(rate)} ({_digits(rate / first[size])})" for size, rate in row.items())
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Parse the command line, measure, print, and write if asked."""
    parser = argparse.ArgumentParser(
        prog="python -m src.benchmark",
        description="Training sequences a second on repeat-copy, and in brackets the ratio to the first model.",
    )
    add = parser.add_argument
    add(
        "--models",
        nargs="+",
        default=list(MODELS),
        help="each a name, with overrides, in quotes: 'ntm task.width=4'",
    )
    add("--batch-sizes", nargs="+", type=int, default=[1, 16, 64])
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--drawn", action="store_true", help="lengths and repeats drawn as in training, instead of fixed ones")
    add("--updates", type=int, default=1, help="in a round, each on a batch of its own")
    add("--rounds", type=int, default=6)
    add("--threads", type=int, default=torch.get_num_threads())
    add("--peer", type=Path, default=None, help="a checkout of pytorch-ntm, measured beside the models")
    add("--out", type=Path, default=None, help="folder for benchmark.json and benchmark.md")
    given = parser.parse_args()
    for key in ("length", "repeats", "updates", "rounds", "threads"):
        if getattr(given, key) < 1:
            parser.error(f"--{key} {getattr(given, key)}: must be at least 1")
    if given.peer is not None and not (given.peer / "ntm" / "aio.py").exists():
        parser.error(f"--peer {given.peer}: must be a checkout of pytorch-ntm, which holds ntm/aio.py")
    if min(given.batch_sizes) < 1:
        parser.error(f"--batch-sizes {min(given.batch_sizes)}: must be at least 1")

    torch.set_num_threads(given.threads)
    shape = []
    if not given.drawn:
        shape = [f"task.{end}_length={given.length}" for end in ("min", "max")]
        shape += [f"task.{end}_repeats={given.repeats}" for end in ("min", "max")]
    try:
        rates = benchmark(given.models, given.batch_sizes, shape, given.updates, given.rounds, given.peer)
    except HydraException as error:
        parser.error(f"--models: {str(error).splitlines()[0]}")
    lengths = "drawn as in training" if given.drawn else f"length {given.length}, repeats {given.repeats}"
    print(f"Training sequences a second; {lengths}; {given.threads} threads\n\n{markdown(rates)}")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        paths = {name: path.name for name, path in vars(given).items() if isinstance(path, Path)}
        settings = {**vars(given), **paths}
        content = {"sequences_per_second": rates, "settings": settings, "versions": versions()}
        (given.out / "benchmark.json").write_text(json.dumps(content, indent=2) + "\n")
        (given.out / "benchmark.md").write_text(markdown(rates) + "\n")


if __name__ == "__main__":
    main()
