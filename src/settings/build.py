"""From configuration to objects: network, task, learner, trainer; every refusal names its full key."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import lightning
import torch
from hydra.errors import CompactHydraException
from hydra.utils import get_object
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.callbacks.checkpoint import Checkpoint, WholeFiles
from src.callbacks.clock import Clock
from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt
from src.callbacks.randomness import Randomness
from src.callbacks.solved import Solved
from src.cells.base import Cell
from src.common import checks
from src.common.files import encodable
from src.lit.bits import BitLearner
from src.lit.classes import ClassLearner
from src.lit.learner import Learner
from src.networks.recurrent import Recurrent
from src.settings import trainer_arguments
from src.tasks.base import Task

log = logging.getLogger(__name__)
#: Keys of a configuration node that are not for its target.
NOT_ARGUMENTS = ("_target_", "name", "recipe")
OBJECTIVES: dict[str, type[Learner]] = {"bits": BitLearner, "classes": ClassLearner}
#: What constructors of others raise at values that they cannot use.
REFUSALS = (
    TypeError,
    ValueError,
    IndexError,
    ImportError,
    RuntimeError,
    lightning.fabric.utilities.exceptions.MisconfigurationException,
)
#: What every configuration has: sections and their keys, those of the run itself first.
SECTIONS = {
    "": ("seed", "stop_when_solved", "solve_threshold", "validate_every", "overfit_batches"),
    "model": ("name", "_target_"),
    "task": ("name", "_target_"),
    "optimizer": ("_target_", "lr"),
    "schedule": ("_target_",),
    "trainer": ("_target_", "accelerator", "devices", "max_steps", "log_every_n_steps", "deterministic"),
    "callbacks": (),
    "logger": ("name",),
    "figure": ("cmap",),
}
IMPORTABLE = "must be a class or function that can be imported"
#: Callbacks that a run cannot do without.
NEEDED: dict[str, type[Callback]] = {
    "interrupt": Interrupt,
    "clock": Clock,
    "history": History,
    "solved": Solved,
    "randomness": Randomness,
    "checkpoint": Checkpoint,
}


class ConfigError(CompactHydraException):
    """A user's mistake: printed in one line, without a stack trace; a sweep goes on with its other jobs."""


def construct(section: str, node: Mapping[str, Any], kind: type, **given: Any) -> Any:
    """Call what `_target_` names with the keys of a configuration node.

    Args:
        section: where the node stands, for messages: "model", "task", ...
        node: the target and its arguments; those in NOT_ARGUMENTS are not passed on.
        kind: what the target should give.
        given: further arguments, which the node may not set.

    Raises:
        ConfigError: an unknown target or key, or a value that the target refuses.
    """
    target = locate(section, node)
    arguments = {key: value for key, value in node.items() if key not in NOT_ARGUMENTS}
    allowed = _arguments(target) - set(given)
    for key, value in arguments.items():
        if key not in allowed:
            raise ConfigError(
                f"{section}.{key}={value!r}: unknown key; must be one of {', '.join(sorted(allowed))}"
                + checks.meant(key, allowed)
            )
    try:
        made = target(**arguments, **given)
    except checks.Refusal as refusal:
        raise ConfigError(f"{section}.{refusal}") from refusal
    except REFUSALS as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{section}: {_name(target)} refuses {arguments}: {reason}") from error
    if not isinstance(made, kind):
        raise ConfigError(f"{section}._target_={node['_target_']!r}: must give a {kind.__name__}")
    return made


def locate(section: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """What `_target_` of a configuration node names."""
    if not isinstance(node, Mapping):
        raise ConfigError(f"{section}={node!r}: must be a section of keys, as in conf/")
    name = node.get("_target_")
    try:
        target = get_object(str(name))
        if callable(target) and inspect.signature(target):
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
    return construct("task", cfg["task"], Task, seed=check_seed(cfg["seed"]))


def build_network(cfg: Mapping[str, Any], task: Task) -> Any:
    """The network of a resolved configuration, of the sizes that the task asks for.

    A cell is wrapped in `Recurrent`; anything else is a network already.
    """
    target = locate("model", cfg["model"])
    if inspect.isclass(target) and issubclass(target, Cell):
        cell = construct("model", choose_engine(cfg), Cell, input_size=task.input_size)
        return Recurrent(cell, task.output_size)
    return construct(
        "model",
        cfg["model"],
        torch.nn.Module,
        steps=task.steps,
        input_size=task.input_size,
        output_size=task.output_size,
    )


def choose_engine(cfg: Mapping[str, Any]) -> Mapping[str, Any]:
    """The model's section, with the reference engine where the trainer rules the fused one out."""
    model, trainer = cfg["model"], cfg.get("trainer", {})
    if model.get("engine") not in ("auto", "fused"):
        return model
    precision = trainer.get("precision") or "32-true"
    if not on_cpu(trainer):
        why = f"the fused engine needs trainer.accelerator=cpu, and it is {trainer['accelerator']}"
    elif precision not in trainer_arguments.TRUE_PRECISIONS:
        why = f"the fused engine needs trainer.precision=32-true or 64-true, and it is {precision}"
    else:
        return model
    if model["engine"] == "fused":
        raise ConfigError(f"model.engine='fused': must be auto or reference here, for {why}")
    log.info("engine=auto takes the reference engine: %s.", why)
    return {**model, "engine": "reference"}


def on_cpu(trainer: Mapping[str, Any]) -> bool:
    """Whether a run computes on the CPU."""
    elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
    device = trainer.get("accelerator", "cpu")
    return bool(device == "cpu" or (device == "auto" and not elsewhere))


def build_learner(cfg: Mapping[str, Any], task: Task, network: Any, memory_slots: int | None = None) -> Learner:
    """The LightningModule that teaches `network` the task; its optimiser is tried out at once."""

    node = cfg["optimizer"]
    if cfg["trainer"].get("precision") == "16-mixed" and not on_cpu(cfg["trainer"]) and node.get("fused"):
        node = {**node, "fused": False}  # a fused one would take the gradients as they are scaled

    def optimizer(params: Any) -> torch.optim.Optimizer:
        return construct("optimizer", node, torch.optim.Optimizer, params=params)

    def schedule(of: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return construct("schedule", cfg["schedule"], torch.optim.lr_scheduler.LRScheduler, optimizer=of)

    check("optimizer.", checks.number, "lr", cfg["optimizer"].get("lr"), above=0)
    try_out(cfg, optimizer, schedule)
    schedule(optimizer(network.parameters()))
    return OBJECTIVES[task.objective](network, task, optimizer, schedule, memory_slots)


def try_out(cfg: Mapping[str, Any], optimizer: Callable[..., Any], schedule: Callable[..., Any]) -> None:
    """Make an update of a weight of no network: an optimiser or a schedule that needs more than that fails now."""
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    tried = optimizer([weight])
    of = schedule(tried)
    if isinstance(of, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ConfigError(
            f"schedule._target_={cfg['schedule']['_target_']!r}: waits for a metric of an epoch; must be one that "
            "is stepped at every update"
        )
    try:
        tried.step()
        of.step()
    except Exception as error:
        raise ConfigError(
            f"optimizer._target_={cfg['optimizer']['_target_']!r}: cannot make an update "
            f"({' '.join(str(error).split())}); must be an optimiser that a gradient is enough for"
        ) from error


def build_trainer(
    cfg: Mapping[str, Any], folder: str, callbacks: list[Any], logger: Any, environment: Any = None
) -> lightning.Trainer:
    """The Lightning trainer; its epochs are the times between validations, see `src.tasks.base`.

    `environment` tells one of several processes which one it is; None leaves that to Lightning.
    """
    # Lightning's greetings tell a user of this project nothing.
    for chatty in ("pytorch.utilities.rank_zero", "pytorch.trainer.connectors", "fabric.utilities.distributed"):
        logging.getLogger(f"lightning.{chatty}").setLevel(logging.WARNING)
    node = {key: value for key, value in cfg["trainer"].items() if key != "max_time"}  # Interrupt looks at that
    if node.get("precision") == "16-mixed" and on_cpu(node):
        log.info("trainer.precision=16-mixed is for GPUs; on the CPU bf16-mixed takes its place.")
        node["precision"] = "bf16-mixed"
    # Lightning warns of, and logs nothing in, an epoch shorter than this.
    node["log_every_n_steps"] = min(node["log_every_n_steps"], cfg["validate_every"], node["max_steps"])
    return construct(
        "trainer",
        node,
        lightning.Trainer,
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
    check_sections(cfg)
    try:
        trainer_arguments.check(cfg["trainer"])
    except checks.Refusal as refusal:
        raise ConfigError(f"trainer.{refusal}") from refusal
    check_seed(cfg["seed"])
    check("", checks.flag, "stop_when_solved", cfg["stop_when_solved"])
    check("", checks.number, "solve_threshold", cfg["solve_threshold"], least=0)
    check("", checks.integer, "validate_every", cfg["validate_every"])
    if cfg["overfit_batches"] is not None:
        check("", checks.integer, "overfit_batches", cfg["overfit_batches"])
    check_cmap(cfg["figure"]["cmap"])


def check_sections(cfg: Mapping[str, Any]) -> None:
    """Refuse a configuration that lacks what every run has, as ~seed or trainer=5 would make it."""
    for section, keys in SECTIONS.items():
        if section and section not in cfg:
            raise ConfigError(f"{section}: cannot be left out")
        node = cfg[section] if section else cfg
        if not isinstance(node, Mapping):
            raise ConfigError(f"{section}={node!r}: must be a section of keys, as in conf/")
        for key in keys:
            where = f"{section}.{key}" if section else key
            if key not in node:
                raise ConfigError(f"{where}: cannot be left out")
            if key == "name" and not (isinstance(node[key], str) and node[key]):
                raise ConfigError(f"{where}={node[key]!r}: must be a name")


def check_seed(seed: Any) -> int:
    """A seed is an integer that numpy and torch both take; 0 is one."""
    return check("", checks.integer, "seed", seed, least=0, most=2**32 - 1)


def check_cmap(name: Any) -> None:
    """Refuse a colour map that matplotlib does not know."""
    import matplotlib

    if not isinstance(name, str) or name not in matplotlib.colormaps:
        raise ConfigError(
            f"figure.cmap={name!r}: must be a colour map of matplotlib, such as jet, viridis or cividis"
        )


def check(prefix: str, rule: Callable[..., Any], key: str, value: Any, *allowed: Any, **bounds: Any) -> Any:
    """Apply one of `src.common.checks`, with the place of the key in front of a refusal."""
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
        callback = construct(f"callbacks.{name}", node, NEEDED.get(name, Callback), **given)
        check_callback(cfg, name, callback, learner)
        callbacks.append(callback)
    limit = cfg["trainer"].get("max_time")
    if limit is not None:
        interrupt = next(one for one in callbacks if isinstance(one, Interrupt))
        interrupt.limit(limit, trainer_arguments.duration("max_time", limit).total_seconds())
    return callbacks


def check_callback(cfg: Mapping[str, Any], name: str, callback: Callback, learner: Learner) -> None:
    """Refuse a callback of Lightning that would fail, or do harm, once the run has begun."""
    where = f"callbacks.{name}._target_={cfg['callbacks'][name]['_target_']!r}"
    reason = trainer_arguments.refused_callback(type(callback))
    if reason is not None:
        raise ConfigError(f"{where}: cannot be used, {reason}")
    if isinstance(callback, LearningRateMonitor) and "_target_" not in cfg["logger"]:
        raise ConfigError(f"{where}: needs a logger, and logger=none has none")
    known = [f"validation/{metric}" for metric in learner.metric_names]
    if isinstance(callback, EarlyStopping) and callback.monitor not in known:
        raise ConfigError(f"callbacks.{name}.monitor={callback.monitor!r}: must be one of {', '.join(known)}")


def build_logger(cfg: Mapping[str, Any], folder: str, done: int = 0) -> Any:
    """The logger of a resolved configuration, writing straight into the run folder; False for none.

    `done` is the update that a run goes on from: TensorBoard then hides what was logged after it before.
    """
    if "_target_" not in cfg["logger"]:
        return False
    given: dict[str, Any] = {"save_dir": folder, "name": "", "version": ""}
    if cfg["logger"]["name"] == "tensorboard":
        given |= {"save_dir": encodable(folder), "default_hp_metric": False}
        given |= {"purge_step": done + 1 if done else None}
    return construct("logger", cfg["logger"], Logger, **given)
