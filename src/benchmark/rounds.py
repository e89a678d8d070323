"""Training updates of the models and of other implementations as functions, and their timing."""

import importlib
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from hydra import compose, initialize_config_dir

from ..common.paths import CONF
from ..settings import build, keys
from ..settings.errors import ConfigError
from ..tasks.base import Task
from ..tasks.repeat_copy import RepeatCopy

Key = TypeVar("Key", bound=Hashable)
#: Bound on the norm of the gradient.
CLIP = 10.0
#: Sizes of pytorch-ntm, equal to the defaults of the models: controller, memory slots, word size.
CONTROLLER, SLOTS, WORDS = 100, 128, 20
#: Slots of the package dnc, as many as those of the model.
DNC_SLOTS = 64


def split_overrides(model: str) -> tuple[str, list[str]]:
    """Split a model argument into the name of the model and overrides.

    Raises:
        ConfigError: the name is missing.
    """
    if not model.split():
        raise ConfigError(f"{model!r}: must be a name, and overrides behind it")
    name, *overrides = model.split()
    return name, overrides


def compose_config(*overrides: str, task: str = "repeat_copy") -> dict[str, Any]:
    """The resolved configuration of training on a task, without what `conf/recipe/` has for the model."""
    with initialize_config_dir(CONF, version_base="1.3"):
        return keys.resolve(compose("train", [f"task={task}", "~recipe", *overrides]))


def shape_overrides(length: int, repeats: int) -> list[str]:
    """Overrides that fix the length and the repeats of all sequences."""
    sizes = {"length": length, "repeats": repeats}
    return [f"task.{end}_{what}={size}" for what, size in sizes.items() for end in ("min", "max")]


def training_round(model: str, batch_size: int, shape: Sequence[str], updates: int) -> Callable[[], None]:
    """A round of training updates of a new model, as a function to be timed; the batches are drawn beforehand.

    Args:
        model: its name, followed by overrides of the configuration.
        batch_size: sequences in a batch.
        shape: overrides that set the lengths and repeats.
        updates: number of updates in a round, each with another batch.
    """
    name, overrides = split_overrides(model)
    cfg = compose_config(f"model={name}", f"task.batch_size={batch_size}", *shape, *overrides)
    task, make_updates = updating(cfg)
    if not isinstance(task, RepeatCopy):
        raise ConfigError(f"{model!r}: must leave the task as it is, repeat_copy")
    batches = [task.training_batch(n) for n in range(updates)]
    return lambda: make_updates(batches)


def sizes_of(model: str) -> tuple[int, int]:
    """Parameters and size of the state of a model, given as in `training_round`, on the task as it is."""
    name, overrides = split_overrides(model)
    cfg = compose_config(f"model={name}", *overrides)
    task = build.build_task(cfg)
    learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    return learner.parameter_count, learner.state_size


def updating(cfg: Mapping[str, Any]) -> tuple[Task, Callable[[Iterable[Any]], None]]:
    """The task of a configuration, and a function that makes one training update of a new model with each batch.

    One update is forward, loss, backward, clipping and optimiser step.
    """
    torch.manual_seed(0)
    task = build.build_task(cfg)
    learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    optimizer = learner.make_optimizer(learner.network.parameters())

    def run(batches: Iterable[Any]) -> None:
        with learner.prepared():
            for batch in batches:
                optimizer.zero_grad(set_to_none=True)
                loss, _ = learner.loss_and_metrics(batch, wanted=False)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(learner.network.parameters(), CLIP)
                optimizer.step()

    return task, run


def peer_round(checkout: Path, batch_size: int, shape: Sequence[str], updates: int) -> Callable[[], None]:
    """As `training_round`, for a checkout of github.com/loudinthecloud/pytorch-ntm with its own settings."""
    sys.path.insert(0, str(checkout))
    try:
        network_class = importlib.import_module("ntm.aio").EncapsulatedNTM
    finally:
        sys.path.remove(str(checkout))
    task = build.build_task(compose_config("model=ntm", f"task.batch_size={batch_size}", *shape))
    torch.manual_seed(0)
    network = network_class(task.input_size, task.output_size, CONTROLLER, 1, 1, SLOTS, WORDS)

    def outputs(x: Any) -> Any:
        network.init_sequence(batch_size)
        return torch.stack([network(x_t)[0] for x_t in x.unbind(1)], 1)

    return _peer_updates(task, network, outputs, updates)


def dnc_package_round(batch_size: int, shape: Sequence[str], updates: int) -> Callable[[], None]:
    """As `training_round`, for the package dnc of PyPI with one layer of LSTM and the sizes of the model `dnc`."""
    task = build.build_task(compose_config("model=dnc", f"task.batch_size={batch_size}", *shape))
    torch.manual_seed(0)
    network = importlib.import_module("dnc").DNC(
        task.input_size,
        CONTROLLER,
        num_layers=1,
        num_hidden_layers=1,
        nr_cells=DNC_SLOTS,
        cell_size=WORDS,
        read_heads=1,
    )

    def outputs(x: Any) -> Any:
        y, _ = network(x, (None, None, None), reset_experience=True)  # it has as many outputs as inputs
        return y[..., : task.output_size].sigmoid()

    return _peer_updates(task, network, outputs, updates)


def _peer_updates(
    task: Any, network: torch.nn.Module, outputs: Callable[[Any], Any], updates: int
) -> Callable[[], None]:
    """Training updates of another implementation, whose outputs are probabilities."""
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-4, momentum=0.9, alpha=0.95)
    batches = [task.training_batch(n) for n in range(updates)]

    def run() -> None:
        for batch in batches:
            optimizer.zero_grad()
            y, due = outputs(batch.x), batch.mask.bool()
            torch.nn.functional.binary_cross_entropy(y[due], batch.y[due]).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
            optimizer.step()

    return run


def best_times(timed: Mapping[Key, Callable[[], Any]], rounds: int) -> dict[Key, float]:
    """Seconds of each function in its fastest round.

    The functions take turns in every round, so that other load on the machine affects all of them. A first call
    of each, as a warm-up, is not timed.
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
    """A number with three significant digits, or rounded to an integer if it has more."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
