"""Allowed arguments of Lightning's Trainer, and allowed callbacks of Lightning.

Every argument of the Trainer is listed in ARGUMENTS. One that would be ignored, or that would end a run after its
folder was made, is refused.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import torch

from ..common import checks
from ..common.paths import PACKAGE, command

ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")
#: Data parallel: each process has the whole model and a share of the batch. The last strategy also allows
#: weights without a gradient.
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")
#: Precisions of Lightning that compute everything in one dtype, float32 or float64.
TRUE_PRECISIONS = ("32-true", "32", 32, "64-true", "64", 64)
MIXED_PRECISIONS = ("bf16-mixed", "16-mixed")
PROFILERS = ("simple", "advanced", "pytorch")
Rule = Callable[[str, Any], Any]

PERIODS = "validate_every sets when validation comes"
WHOLE_SETS = "a set is measured whole; task.validation_size, task.test_size and task.cell_size set how large it is"
SET_BY_THE_RUN = "the run sets it"


def accelerator(key: str, value: Any) -> str:
    """Check an accelerator: a kind of device that this machine has."""
    checks.choice(key, value, ACCELERATORS)
    if value in ("gpu", "cuda") and not torch.cuda.is_available():
        raise checks.Refusal(f"{key}={value!r}: there is no CUDA device here; must be cpu or auto on this machine")
    return str(value)


def precision(key: str, value: Any) -> Any:
    """Check a precision: one dtype throughout, or mixed precision."""
    if value not in (*TRUE_PRECISIONS, *MIXED_PRECISIONS):
        raise checks.refuse(key, value, "one of 32-true, 64-true, bf16-mixed, 16-mixed")
    return value


def duration(key: str, value: Any) -> timedelta:
    """Parse a duration: DD:HH:MM:SS, or days, hours, minutes and seconds by name."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d):(\d\d)", value) if isinstance(value, str) else None
    names = ("days", "hours", "minutes", "seconds")
    parts = dict(zip(names, map(int, found.groups()), strict=True)) if found else value
    if isinstance(parts, Mapping) and set(parts) <= set(names):
        for name, part in parts.items():
            checks.number(f"{key}.{name}", part, least=0, most=1e6)
        if any(parts.values()):
            return timedelta(**{str(name): part for name, part in parts.items()})
    raise checks.refuse(key, value, "a time above 0 as DD:HH:MM:SS, or days, hours, minutes, seconds by name")


def _one_of(*allowed: Any) -> Rule:
    return lambda key, value: checks.choice(key, value, allowed)


def _or_null(rule: Rule) -> Rule:
    return lambda key, value: None if value is None else rule(key, value)


#: For every argument of the Trainer, the rule that checks the value, or the reason why it cannot be given.
ARGUMENTS: dict[str, Rule | str] = {
    "accelerator": accelerator,
    "strategy": _one_of(*STRATEGIES),
    "devices": lambda key, value: value,  # checked by Lightning
    "num_nodes": checks.integer,
    "precision": _or_null(precision),
    "max_steps": checks.integer,
    "max_time": _or_null(duration),
    "log_every_n_steps": checks.integer,
    "enable_progress_bar": checks.flag,
    "accumulate_grad_batches": checks.integer,
    "gradient_clip_val": _or_null(lambda key, value: checks.number(key, value, above=0)),
    "gradient_clip_algorithm": _or_null(_one_of("norm", "value")),
    "deterministic": _one_of(True, False, "warn"),
    "benchmark": _or_null(checks.flag),
    "inference_mode": checks.flag,
    "detect_anomaly": checks.flag,
    "profiler": _or_null(_one_of(*PROFILERS)),
    "sync_batchnorm": checks.flag,
    "logger": "logger=tensorboard, csv, wandb, mlflow, none, or a list of them, chooses it",
    "callbacks": "callbacks.<name> adds one",
    "fast_dev_run": "debug=fast does that, and keeps a checkpoint to test",
    "max_epochs": "trainer.max_steps says when a run ends",
    "min_epochs": "trainer.max_steps says when a run ends",
    "min_steps": "stop_when_solved=false trains to the last update",
    "limit_train_batches": "trainer.max_steps says when a run ends, and overfit_batches repeats a few batches",
    "limit_val_batches": WHOLE_SETS,
    "limit_test_batches": WHOLE_SETS,
    "limit_predict_batches": "nothing is predicted here",
    "overfit_batches": "overfit_batches, without trainer., does that",
    "val_check_interval": PERIODS,
    "check_val_every_n_epoch": PERIODS,
    "num_sanity_val_steps": PERIODS,
    "reload_dataloaders_every_n_epochs": PERIODS,
    "enable_checkpointing": "a run keeps its newest and its best checkpoint",
    "enable_model_summary": "the log and metrics.json have the number of parameters",
    "use_distributed_sampler": SET_BY_THE_RUN,
    "barebones": "a run without checkpoints and logs could not be tested",
    "plugins": SET_BY_THE_RUN,
    "default_root_dir": "hydra.run.dir says where a run writes",
    "enable_autolog_hparams": SET_BY_THE_RUN,
    "model_registry": "a run is kept in its folder alone",
}

#: The arguments that can be given.
HONOURED = sorted(name for name, rule in ARGUMENTS.items() if not isinstance(rule, str))
#: Callbacks of Lightning that are allowed; each is tested.
CALLBACKS = ("EarlyStopping", "LearningRateMonitor")
#: Why other callbacks of Lightning are refused.
REASONS = {
    "Timer": "trainer.max_time does that",
    "GradientAccumulationScheduler": "trainer.accumulate_grad_batches does that, and stays as it is for a run",
    "LearningRateFinder": f"{command('search')} searches it, as in 'optimizer.lr=tag(log,interval(1e-4,1e-1))'",
    "BatchSizeFinder": f"{command('search')} searches it, as in task.batch_size=4,16,64",
    "ModelCheckpoint": "a run keeps its newest and its best checkpoint",
    "StochasticWeightAveraging": "it counts epochs, and an epoch is the time between two validations here",
}


def check(trainer: Mapping[str, Any]) -> None:
    """Check the section `trainer` of a configuration.

    Raises:
        checks.Refusal: an unknown argument, one that cannot be given, or an invalid value.
    """
    for key, value in trainer.items():
        if key == "_target_":
            continue
        rule = ARGUMENTS.get(key)
        if rule is None:
            allowed = ", ".join(HONOURED) + checks.did_you_mean(key, HONOURED)
            raise checks.Refusal(f"{key}={value!r}: unknown key; must be one of {allowed}")
        if isinstance(rule, str):
            raise checks.Refusal(f"{key}={value!r}: cannot be given, {rule}")
        rule(key, value)
    if trainer.get("gradient_clip_algorithm") is not None and trainer.get("gradient_clip_val") is None:
        raise checks.refuse(
            "gradient_clip_algorithm", trainer["gradient_clip_algorithm"], "null without trainer.gradient_clip_val"
        )


def refused_callback(kind: type) -> str | None:
    """Why a class of callbacks cannot be used; None if it can, or if nothing is known about it."""
    for one in kind.__mro__:
        if one.__module__.startswith(("lightning.", "pytorch_lightning.")) and one.__name__ != "Callback":
            if one.__name__ in CALLBACKS:
                return None
            return REASONS.get(one.__name__, "it was not tried with the periods of a run")
        if one.__module__.startswith(f"{PACKAGE}."):
            return None
    return None
