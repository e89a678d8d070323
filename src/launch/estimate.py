"""Dry run: the jobs of a command, with time and disk space estimated from a short measurement."""

import io
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from lightning.pytorch.utilities.seed import isolate_rng

from ..common.text import columns, duration, size
from ..lit.learner import Learner, like
from ..run.parts import assemble
from ..settings import keys, loggers, trainer_arguments
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import launchers
from .job import log_kept

#: Updates that are timed, after one untimed update.
UPDATES = 8
#: Seconds of a run besides updates and validations (start, tests, figures), and bytes of the figures.
OVERHEAD, FIGURES = 6.0, 700e3
#: Bytes of a scalar and of a set of pictures in TensorBoard's files.
SCALAR, PICTURES = 60.0, 150e3


class Cost(NamedTuple):
    """Estimated time and disk space of a run."""

    seconds: float
    disk_bytes: float


def report(jobs: Sequence[Job]) -> str:
    """A table of the jobs with the cost of each, and the total."""
    if not jobs:
        return "Nothing is left to do."
    configs = [keys.resolve(job.config) for job in jobs]
    found = costs(configs)
    rows = [
        {
            "job": str(job.number),
            "folder": job.folder.name,
            "time": duration(one.seconds) if isinstance(one, Cost) else "",
            "disk": size(one.disk_bytes) if isinstance(one, Cost) else "",
            "overrides": " ".join(line for line in job.overrides if not line.lstrip("+").startswith("hydra")),
            "refused": one if isinstance(one, str) else "",
        }
        for job, one in zip(jobs, found, strict=True)
    ]
    good = [one for one in found if isinstance(one, Cost)]
    side_by_side = min(launchers.launcher_of(jobs[0].launcher).workers(jobs[0].launcher), len(jobs))
    time, disk = duration(together(good, side_by_side)), size(sum(one.disk_bytes for one in good))
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    total = f"{count}, {side_by_side} at a time: about {time} and {disk}"
    refused = f"; {len(jobs) - len(good)} would be refused" if len(good) < len(jobs) else ""
    sooner = "; a run that solves its task ends sooner" if any(cfg["stop_when_solved"] for cfg in configs) else ""
    return f"{columns(rows)}\n\n{total}{refused}. Nothing was run{sooner}."


def costs(configs: Sequence[dict[str, Any]]) -> list[Cost | str]:
    """The cost of a run of each resolved configuration, or why it would be refused; each kind is measured once."""
    seen: dict[str, Any] = {}
    found: list[Cost | str] = []
    for cfg in configs:
        kind = repr(sized(cfg))
        try:
            with isolate_rng():
                learner = built(cfg)  # each is checked, though each kind is measured once
                if kind not in seen:
                    seen[kind] = measure(cfg, learner)
            found.append(cost(cfg, *seen[kind]))
        except ConfigError as refusal:
            found.append(str(refusal))
    return found


def together(costs: Sequence[Cost], side_by_side: int) -> float:
    """Seconds that runs take, `side_by_side` at a time."""
    return sum(one.seconds for one in costs) / min(side_by_side, max(1, len(costs)))


def sized(cfg: dict[str, Any]) -> dict[str, Any]:
    """The settings that the cost of an update depends on; floats such as learning rates are left out."""
    sections = {name: cfg[name] for name in ("model", "task", "optimizer")}
    kept = {
        f"{section}.{key}": value
        for section, node in sections.items()
        for key, value in node.items()
        if key not in ("recipe", "sigma_init") and not isinstance(value, float)
    }
    return kept | {"precision": cfg["trainer"].get("precision"), "accelerator": cfg["trainer"].get("accelerator")}


def built(cfg: dict[str, Any]) -> Learner:
    """The learner of a configuration.

    Raises:
        ConfigError: a run with it would be refused.
    """
    with log_kept():
        learner = assemble(cfg, "dry_run").learner
    learner.configure_optimizers()  # it may be refused, too
    return learner


def measure(cfg: dict[str, Any], learner: Learner) -> tuple[float, float, int]:
    """Seconds of an update, seconds of a validation and bytes of a checkpoint of a learner."""
    task = learner.task
    precision = cfg["trainer"].get("precision") or "32-true"
    if str(precision).startswith("64"):
        learner.double()
    if not keys.on_cpu(cfg["trainer"]) and torch.cuda.is_available():
        learner.cuda()
    weight = next(learner.network.parameters())
    half = torch.autocast(weight.device.type, torch.bfloat16, precision in trainer_arguments.MIXED_PRECISIONS)
    optimizer = learner.make_optimizer(learner.network.parameters())
    task.setup()
    with learner.prepared():
        for n in range(UPDATES + 1):
            if n == 1:
                started = time.perf_counter()
            optimizer.zero_grad()
            with half:
                loss, _ = learner.loss_and_metrics(like(weight, task.training_batch(n)), wanted=False)
            loss.backward()
            optimizer.step()
            weight.flatten()[0].item()  # waits for the device to end the update
        update = (time.perf_counter() - started) / UPDATES
        started = time.perf_counter()
        with half:
            learner.measure(task.validation)
        validation = time.perf_counter() - started
    stored = io.BytesIO()
    torch.save([learner.network.state_dict(), optimizer.state_dict()], stored)
    return update, validation, stored.tell()


def cost(cfg: dict[str, Any], update: float, validation: float, checkpoint: int) -> Cost:
    """The cost of a run up to the last update.

    Args:
        cfg: the resolved configuration.
        update: seconds of an update of one batch.
        validation: seconds of a validation.
        checkpoint: bytes of a checkpoint.
    """
    updates, every = cfg["trainer"]["max_steps"], cfg["validate_every"]
    update *= cfg["trainer"].get("accumulate_grad_batches") or 1  # batches of an update
    validations = -(-updates // every)
    disk_bytes = 2.0 * checkpoint + FIGURES
    if "tensorboard" in loggers.nodes(cfg):
        pictures = cfg["callbacks"].get("pictures") or {"every": validations}
        disk_bytes += SCALAR * (6 * updates / cfg["trainer"]["log_every_n_steps"] + 12 * validations)
        disk_bytes += PICTURES * -(-validations // pictures.get("every", validations))
    seconds = updates * update + validations * validation
    limit = cfg["trainer"].get("max_time")
    if limit is not None:
        seconds = min(seconds, trainer_arguments.duration("max_time", limit).total_seconds())
    return Cost(seconds + OVERHEAD, disk_bytes)
