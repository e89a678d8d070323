"""Updates to be timed, and how they are timed."""

import importlib
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra import compose, initialize_config_dir

from src.common.paths import CONF
from src.settings import build, keys
from src.settings.errors import ConfigError
from src.tasks.repeat_copy import RepeatCopy

Key = TypeVar("Key", bound=Hashable)
#: Bound on the norm of the gradient.
CLIP = 10.0
#: Sizes of the machines that are compared, pytorch-ntm's among them.
CONTROLLER, SLOTS, WORDS = 100, 128, 20


def parted(model: str) -> tuple[str, list[str]]:
    """The name of a model, and the overrides behind it.

    Raises:
        ConfigError: there is no name.
    """
    if not model.split():
        raise ConfigError(f"{model!r}: must be a name, and overrides behind it")
    name, *overrides = model.split()
    return name, overrides


def composed(*overrides: str) -> dict[str, Any]:
    """A resolved configuration of training on repeat-copy."""
    with initialize_config_dir(CONF, version_base="1.3"):
        return keys.resolve(compose("train", ["task=repeat_copy", *overrides]))


def shaped(length: int, repeats: int) -> list[str]:
    """Overrides that set the length and the repeats of every sequence."""
    sizes = {"length": length, "repeats": repeats}
    return [f"task.{end}_{what}={size}" for what, size in sizes.items() for end in ("min", "max")]


def training_round(model: str, batch_size: int, shape: Sequence[str], updates: int) -> Callable[[], None]:
    """Some updates of a freshly made model, as a function to be timed.

    One update is forward, loss, backward, clipping and optimiser over a whole batch, which is made before.

    Args:
        model: its name, and overrides of the configuration behind it.
        batch_size: sequences.
        shape: overrides that set the lengths and repeats.
        updates: in a round, each on a batch of its own.
    """
    name, overrides = parted(model)
    cfg = composed(f"model={name}", f"task.batch_size={batch_size}", *shape, *overrides)
    torch.manual_seed(0)
    task = build.build_task(cfg)
    if not isinstance(task, RepeatCopy):
        raise ConfigError(f"{model!r}: must leave the task as it is, repeat_copy")
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


def peer_round(checkout: Path, batch_size: int, shape: Sequence[str], updates: int) -> Callable[[], None]:
    """The same of pytorch-ntm, from a checkout of github.com/loudinthecloud/pytorch-ntm, with its own settings."""
    sys.path.insert(0, str(checkout))
    try:
        encapsulated = importlib.import_module("ntm.aio").EncapsulatedNTM
    finally:
        sys.path.remove(str(checkout))
    task = build.build_task(composed("model=ntm", f"task.batch_size={batch_size}", *shape))
    torch.manual_seed(0)
    network = encapsulated(task.input_size, task.output_size, CONTROLLER, 1, 1, SLOTS, WORDS)
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


def best_times(timed: Mapping[Key, Callable[[], Any]], rounds: int) -> dict[Key, float]:
    """Seconds of the fastest of some rounds, in each of which all functions take turns.

    So they share whatever else the machine is doing. Each is called once before the clock starts, for what
    is done once is not what is asked.
    """
    for run in timed.values():
        run()
    best = dict.fromkeys(timed, float("inf"))
    for _ in range(rounds):
        for key, run in timed.items():
            started = time.perf_counter()
            run()
            best[key] = min(best[key], time.perf_counter() - started)
    return best


def digits(value: float) -> str:
    """Three digits of a number, or all before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
