"""Network, task and learner of a configuration; every refusal names the full key."""

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ..cells.base import Cell
from ..common import checks
from ..engines import choose
from ..lit.learner import Learner
from ..lit.objective import Objective
from ..lit.objectives import OBJECTIVES
from ..networks.recurrent import Recurrent
from ..tasks.axes import Axis
from ..tasks.base import Task
from . import trainer_arguments
from .construct import arguments_of, construct, locate
from .errors import ConfigError, check
from .keys import check_seed, on_cpu

log = logging.getLogger(__name__)


def build_task(cfg: Mapping[str, Any]) -> Task:
    """The data module of a resolved configuration."""
    task: Task = construct("task", cfg["task"], Task, seed=check_seed(cfg["seed"]))
    try:
        task.check()
    except TypeError as error:
        raise ConfigError(f"task._target_={cfg['task']['_target_']!r}: {error}") from error
    return task


def axes_of(task: Mapping[str, Any]) -> tuple[Axis, ...]:
    """The axes along which the test cells of a task vary, without building the task.

    Args:
        task: the section `task` of a configuration.
    """
    axes: tuple[Axis, ...] = getattr(locate("task", task), "axes", ())
    return axes


def training_options_of(task: Mapping[str, Any]) -> tuple[str, ...]:
    """The options of a task that change training alone, without building the task.

    Args:
        task: the section `task` of a configuration.
    """
    options: tuple[str, ...] = getattr(locate("task", task), "of_training", Task.of_training)
    return options


def objective_of(task: Mapping[str, Any]) -> Objective | None:
    """The objective of a task, without building the task; None if there is none of its name.

    Args:
        task: the section `task` of a configuration.
    """
    return OBJECTIVES.get(getattr(locate("task", task), "objective", ""))


def test_cells_of(task: Mapping[str, Any]) -> list[tuple[int, ...]]:
    """The test cells in the section `task` of a configuration, without building the task."""
    given = task.get("test_cells")
    if given is None or not axes_of(task):
        return []
    cells: list[tuple[int, ...]] = check("task.", locate("task", task).check_cells, "test_cells", given)  # type: ignore[attr-defined]
    return cells


def build_network(cfg: Mapping[str, Any], task: Task) -> Any:
    """The network of a resolved configuration, with the input and output sizes of the task.

    A cell is wrapped in `Recurrent`; any other target is a network already. A cell whose constructor has an
    argument `numbers` is given those of the task.
    """
    target = locate("model", cfg["model"])
    if inspect.isclass(target) and issubclass(target, Cell):
        numbers = {"numbers": task.numbers} if "numbers" in arguments_of(target) else {}
        cell = construct("model", cfg["model"], Cell, input_size=task.input_size, **numbers)
        check_input_length(cfg, cell, task)
        return recurrent(cell, task.output_size, choose_engine(cfg, cell))
    sizes = {"steps": task.steps, "input_size": task.input_size, "output_size": task.output_size}
    return construct("model", cfg["model"], torch.nn.Module, **sizes)


def check_input_length(cfg: Mapping[str, Any], cell: Cell, task: Task) -> None:
    """Refuse a cell with an oracle on a task without one."""
    if cell.needs_input_length and not task.has_input_length:
        name = cfg["model"].get("name", type(cell).__name__)
        task_name = cfg["task"].get("name", type(task).__name__)
        key = "model.oracle=True" if "oracle" in cfg["model"] else f"model={name!r}"
        raise ConfigError(
            f"{key}: {name} is told how many steps come before the answer, and {task_name} has no such number; "
            f"must be {'False' if 'oracle' in cfg['model'] else 'another model'} on this task"
        )


def recurrent(cell: Cell, output_size: int, engine: str | None) -> Recurrent:
    """The recurrent network of a cell.

    Raises:
        ConfigError: the engine that the cell asks for is not available.
    """
    try:
        return Recurrent(cell, output_size, engine)
    except checks.Refusal as refusal:
        raise ConfigError(f"model.{refusal}") from refusal


def choose_engine(cfg: Mapping[str, Any], cell: Cell) -> str | None:
    """The engine that the trainer settings force: "reference", or None if the cell may use the one it asks for."""
    choice, trainer = cfg["model"].get("engine"), cfg.get("trainer", {})
    if choice not in ("auto", "fused"):
        return None
    precision = trainer.get("precision") or "32-true"
    dtype, device = dtype_of(precision), torch.device("cpu")
    if not on_cpu(trainer):
        device = torch.device("mps" if trainer["accelerator"] == "mps" else "cuda")
    if choose.uncovered(cell, device, dtype) is None:
        return None
    if device.type != "cpu" and choose.uncovered(cell, device, torch.float32) is not None:
        why = f"the fused engine needs trainer.accelerator=cpu, and it is {trainer['accelerator']}"
    elif precision not in trainer_arguments.TRUE_PRECISIONS:
        why = f"the fused engine needs trainer.precision=32-true or 64-true, and it is {precision}"
    else:
        return None
    if choice == "fused":
        raise ConfigError(f"model.engine='fused': must be auto or reference here, since {why}")
    log.info("engine=auto takes the reference engine: %s.", why)
    return "reference"


def dtype_of(precision: str | int) -> torch.dtype:
    """The dtype of the computation at a precision of the trainer."""
    if precision in trainer_arguments.TRUE_PRECISIONS:
        return torch.float64 if "64" in str(precision) else torch.float32
    return torch.bfloat16 if "bf16" in str(precision) else torch.float16


def build_learner(cfg: Mapping[str, Any], task: Task, network: Any, memory_slots: int | None = None) -> Learner:
    """The LightningModule that trains `network` on the task; optimiser and schedule are tried out at once."""

    node = cfg["optimizer"]
    if cfg["trainer"].get("precision") == "16-mixed" and not on_cpu(cfg["trainer"]) and node.get("fused"):
        node = {**node, "fused": False}  # a fused optimiser would use the scaled gradients

    def optimizer(params: Any) -> torch.optim.Optimizer:
        return construct("optimizer", node, torch.optim.Optimizer, params=params)

    def schedule(optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return construct("schedule", cfg["schedule"], torch.optim.lr_scheduler.LRScheduler, optimizer=optimizer)

    check("optimizer.", checks.number, "lr", cfg["optimizer"].get("lr"), above=0)
    try_out(cfg, optimizer, schedule)
    schedule(optimizer(network.parameters()))
    objective = OBJECTIVES[check("task.", checks.choice, "objective", task.objective, tuple(OBJECTIVES))]
    return Learner(network, task, objective, optimizer, schedule, memory_slots)


def try_out(cfg: Mapping[str, Any], optimizer: Callable[..., Any], schedule: Callable[..., Any]) -> None:
    """Update a dummy weight once, so that an optimiser or a schedule that needs more than gradients fails now."""
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    trial = optimizer([weight])
    scheduler = schedule(trial)
    if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise ConfigError(
            f"schedule._target_={cfg['schedule']['_target_']!r}: waits for a metric of an epoch; must be one that "
            "is stepped at every update"
        )
    try:
        trial.step()
        scheduler.step()
    except Exception as error:
        raise ConfigError(
            f"optimizer._target_={cfg['optimizer']['_target_']!r}: cannot make an update "
            f"({' '.join(str(error).split())}); must be an optimiser that needs gradients alone"
        ) from error
