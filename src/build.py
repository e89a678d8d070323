"""From configuration to objects: network, task, learner, trainer; every refusal names its full key."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import torch
from hydra.errors import CompactHydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src import checks
from src.callbacks.checkpoint import WholeFiles
from src.cells.base import Cell
from src.lit.bits import BitLearner
from src.lit.classes import ClassLearner
from src.lit.learner import Learner
from src.networks.recurrent import Recurrent
from src.tasks.base import Task

#: Keys of a configuration node that are not for its target.
NOT_ARGUMENTS = ("_target_", "name", "recipe")
OBJECTIVES: dict[str, type[Learner]] = {"bits": BitLearner, "classes": ClassLearner}
#: What constructors of others raise at values that they cannot use.
log = logging.getLogger(__name__)
REFUSALS = (
    TypeError,
    ValueError,
    IndexError,
    ImportError,
    RuntimeError,
    lightning.fabric.utilities.exceptions.MisconfigurationException,
)
IMPORTABLE = "must be a class or function that can be imported"
#: Callbacks that a run cannot do without.
NEEDED = ("interrupt", "clock", "history", "solved", "randomness", "checkpoint")
#: Precisions of Lightning in which all that a network does is of one dtype, float32 or float64.
FUSED_PRECISIONS = ("32-true", "32", "64-true", "64")
ACCELERATORS = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")
#: Each process has the whole model and a share of the batch; the last also where some weights get no gradient.
STRATEGIES = ("auto", "ddp", "ddp_find_unused_parameters_true")


class ConfigError(CompactHydraException):
    """A user's mistake: printed in one line, without a stack trace; a sweep goes on with its other jobs."""


def construct(section: str, node: Mapping[str, Any], **given: Any) -> Any:
    """Call what `_target_` names with the keys of a configuration node.

    Args:
        section: where the node stands, for messages: "model", "task", ...
        node: the target and its arguments; those in NOT_ARGUMENTS are not passed on.
        given: further arguments, which the node may not set.

    Raises:
        ConfigError: an unknown target or key, or a value that the target refuses.
    """
    if not isinstance(node, Mapping):
        raise ConfigError(f"{section}={node!r}: must be a section of keys, as in conf/")
    arguments = {key: value for key, value in node.items() if key not in NOT_ARGUMENTS}
    target = locate(section, node)
    allowed = _arguments(target) - set(given)
    for key, value in arguments.items():
        if key not in allowed:
            raise ConfigError(
                f"{section}.{key}={value!r}: unknown key; must be one of {', '.join(sorted(allowed))}"
                + checks.meant(key, allowed)
            )
    try:
        return target(**arguments, **given)
    except checks.Refusal as refusal:
        raise ConfigError(f"{section}.{refusal}") from refusal
    except REFUSALS as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{section}: {_name(target)} refuses {arguments}: {reason}") from error


def locate(section: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """What `_target_` of a configuration node names."""
    name = node.get("_target_")
    try:
        target = get_object(str(name))
        if callable(target):
            return target
    except Exception as error:
        raise ConfigError(f"{section}._target_={name!r}: {IMPORTABLE}") from error
    raise ConfigError(f"{section}._target_={name!r}: {IMPORTABLE}")


def _arguments(target: Callable[..., Any]) -> set[str]:
    return {
        name
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__name__", str(target))


def resolve(cfg: DictConfig) -> dict[str, Any]:
    """A configuration as plain dictionaries and lists, its references followed."""
    try:
        plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(" ".join(str(error).split())) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def build_task(cfg: Mapping[str, Any]) -> Task:
    """The data module of a resolved configuration."""
    return construct("task", cfg["task"], seed=check_seed(cfg["seed"]))


def build_network(cfg: Mapping[str, Any], task: Task) -> Any:
    """The network of a resolved configuration, of the sizes that the task asks for.

    A cell is wrapped in `Recurrent`; anything else is a network already.
    """
    target = locate("model", cfg["model"])
    if inspect.isclass(target) and issubclass(target, Cell):
        cell = construct("model", choose_engine(cfg), input_size=task.input_size)
        return Recurrent(cell, task.output_size)
    return construct(
        "model",
        cfg["model"],
        steps=task.steps,
        input_size=task.input_size,
        output_size=task.output_size,
    )


def choose_engine(cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model's section, with the reference engine where the trainer rules the fused one out."""
    model, trainer = cfg["model"], cfg.get("trainer", {})
    if model.get("engine") not in ("auto", "fused"):
        return model
    device, precision = trainer.get("accelerator", "cpu"), trainer.get("precision") or "32-true"
    elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
    if device != "cpu" and not (device == "auto" and not elsewhere):
        why = f"the fused engine needs trainer.accelerator=cpu, and it is {device}"
    elif str(precision) not in FUSED_PRECISIONS:
        why = f"the fused engine needs trainer.precision={FUSED_PRECISIONS[0]}, and it is {precision}"
    else:
        return model
    if model["engine"] == "fused":
        raise ConfigError(f"model.engine='fused': must be auto or reference here, for {why}")
    log.info("engine=auto takes the reference engine: %s.", why)
    return {**model, "engine": "reference"}


def build_learner(cfg: Mapping[str, Any], task: Task, network: Any, memory_slots: int | None = None) -> Learner:
    """The LightningModule that teaches `network` the task; its optimiser is tried out at once."""

    def optimizer(params: Any) -> torch.optim.Optimizer:
        return construct("optimizer", cfg["optimizer"], params=params)

    def schedule(of: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return construct("schedule", cfg["schedule"], optimizer=of)

    check("optimizer.", checks.number, "lr", cfg["optimizer"].get("lr"), above=0)
    schedule(optimizer(network.parameters()))
    return OBJECTIVES[task.objective](network, task, optimizer, schedule, memory_slots)


def build_trainer(
    cfg: Mapping[str, Any], folder: str, callbacks: list[Any], logger: Any, environment: Any = None
) -> lightning.Trainer:
    """The Lightning trainer; its epochs are the times between validations, see `src.tasks.base`.

    `environment` tells one of several processes which one it is; None leaves that to Lightning.
    """
    # Lightning's greetings tell a user of this project nothing.
    for chatty in ("pytorch.utilities.rank_zero", "pytorch.trainer.connectors", "fabric.utilities.distributed"):
        logging.getLogger(f"lightning.{chatty}").setLevel(logging.WARNING)
    node = dict(cfg["trainer"])
    # Lightning warns of, and logs nothing in, an epoch shorter than this.
    node["log_every_n_steps"] = min(node["log_every_n_steps"], cfg["validate_every"], node["max_steps"])
    return construct(
        "trainer",
        node,
        max_epochs=-1,
        default_root_dir=folder,
        callbacks=callbacks,
        logger=logger,
        plugins=[WholeFiles()] if environment is None else [WholeFiles(), environment],
        reload_dataloaders_every_n_epochs=1,  # `Task.train_dataloader` gives one period at a time
        enable_model_summary=False,
        use_distributed_sampler=False,
        num_sanity_val_steps=0,
        fast_dev_run=False,  # it saves no checkpoint to test; debug=fast is the same and does
    )


def check_run(cfg: Mapping[str, Any]) -> None:
    """Refuse what no constructor of ours would see: the trainer's and the run's own keys."""
    trainer = cfg["trainer"]
    check("trainer.", checks.integer, "max_steps", trainer.get("max_steps"))
    check("trainer.", checks.integer, "log_every_n_steps", trainer.get("log_every_n_steps"))
    if trainer.get("gradient_clip_val") is not None:
        check("trainer.", checks.number, "gradient_clip_val", trainer["gradient_clip_val"], above=0)
    check("trainer.", checks.choice, "deterministic", trainer.get("deterministic"), (True, False, "warn"))
    check("trainer.", checks.flag, "enable_progress_bar", trainer.get("enable_progress_bar"))
    check_accelerator(trainer.get("accelerator"))
    check("trainer.", checks.choice, "strategy", trainer.get("strategy", "auto"), STRATEGIES)
    check_seed(cfg["seed"])
    check("", checks.flag, "stop_when_solved", cfg["stop_when_solved"])
    check("", checks.number, "solve_threshold", cfg["solve_threshold"], least=0)
    check("", checks.integer, "validate_every", cfg["validate_every"])
    if cfg["overfit_batches"] is not None:
        check("", checks.integer, "overfit_batches", cfg["overfit_batches"])
    check_cmap(cfg["figure"]["cmap"])


def check_seed(seed: Any) -> int:
    """A seed is an integer that numpy and torch both take; 0 is one."""
    return check("", checks.integer, "seed", seed, least=0, most=2**32 - 1)


def check_accelerator(name: Any) -> None:
    """Refuse a machine that is not there."""
    check("trainer.", checks.choice, "accelerator", name, ACCELERATORS)
    if name in ("gpu", "cuda") and not torch.cuda.is_available():
        raise ConfigError(
            f"trainer.accelerator={name!r}: there is no CUDA device here; must be cpu or auto on this machine"
        )


def check_cmap(name: Any) -> None:
    """Refuse a colour map that matplotlib does not know."""
    import matplotlib

    if not isinstance(name, str) or name not in matplotlib.colormaps:
        raise ConfigError(
            f"figure.cmap={name!r}: must be a colour map of matplotlib, such as jet, viridis or cividis"
        )


def check(prefix: str, rule: Callable[..., Any], key: str, value: Any, *allowed: Any, **bounds: Any) -> Any:
    """Apply one of `src.checks`, with the place of the key in front of a refusal."""
    try:
        return rule(key, value, *allowed, **bounds)
    except checks.Refusal as refusal:
        raise ConfigError(f"{prefix}{refusal}") from refusal


def build_callbacks(cfg: Mapping[str, Any], folder: str, learner: Learner) -> list[Any]:
    """The callbacks of a resolved configuration, in its order; what only the run knows is filled in."""
    callbacks = []
    optional = ", ".join(name for name in cfg["callbacks"] if name not in NEEDED)
    for name in NEEDED:
        if cfg["callbacks"].get(name) is None:
            raise ConfigError(f"callbacks.{name}=None: cannot be left out; only {optional} can")
    for name, node in cfg["callbacks"].items():
        if node is None or (name == "progress" and not cfg["trainer"].get("enable_progress_bar", True)):
            continue
        given: dict[str, Any] = {}
        if name == "checkpoint":
            monitor = f"validation/{learner.monitor}"
            given = {"folder": folder, "monitor": monitor, "mode": learner.monitor_mode}
        elif "folder" in _arguments(locate(f"callbacks.{name}", node)):
            given = {"folder": folder}
        callbacks.append(construct(f"callbacks.{name}", node, **given))
    return callbacks


def build_logger(cfg: Mapping[str, Any], folder: str, done: int = 0) -> Any:
    """The logger of a resolved configuration, writing straight into the run folder; False for none.

    `done` is the update that a run goes on from: TensorBoard then hides what was logged after it before.
    """
    if "_target_" not in cfg["logger"]:
        return False
    given: dict[str, Any] = {"save_dir": folder, "name": "", "version": ""}
    if cfg["logger"]["name"] == "tensorboard":
        given |= {"default_hp_metric": False, "purge_step": done + 1 if done else None}
    return construct("logger", cfg["logger"], **given)
