"""Objective: loss, metrics and figure of one kind of answer."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from ..figures.style import Figure
from ..figures.target_output import TargetOutputPanel, consecutive, target_output
from ..tasks.base import Example, Task


class Metric(NamedTuple):
    """Name, direction and range of a metric.

    Attributes:
        name: in metrics.json, history.csv and TensorBoard.
        more: true if higher values are better.
        worst: worst possible value, which a diverged run counts as: 0 or 1 for a share, infinite for others.
        chance: value of random guessing; None where it says little.
        about: description, part of a sentence in a report.
        detail: left out of learning curves and of the table that a run prints; it is in all files and reports.
    """

    name: str
    more: bool
    worst: float
    chance: float | None = None
    about: str = ""
    detail: bool = False

    @property
    def label(self) -> str:
        """The name with spaces, for figures and tables."""
        return self.name.replace("_", " ")

    @property
    def bounded(self) -> bool:
        """Whether it is a share, from 0 to 1."""
        return math.isfinite(self.worst)

    @property
    def logarithmic(self) -> bool:
        """Whether the curve needs a logarithmic scale: the metric falls towards 0 without an upper bound."""
        return self.worst == math.inf

    @property
    def limits(self) -> tuple[float, float]:
        """Smallest and largest possible value."""
        return (-math.inf if self.worst == -math.inf else 0.0), (1.0 if self.bounded else math.inf)


class Answer(NamedTuple):
    """Input, output and target of a network on one example of T steps.

    Attributes:
        title: of the example.
        x: input, [T, F].
        y: output after the final nonlinearity, [T, O]; in 0..1 where it is a probability.
        target: [T, O]; None where the target is a class.
        asked: [T], true where an answer is due.
        wrong: number of wrong outputs at each step, [T]; None where it is not defined.
        right: the target class; None where there are no classes.
        verdict: how good the answer is, as text.
        correct: whether it is right as a whole; None where that is not defined.
        most_wrong: greatest number of wrong outputs at a step; None for O.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    target: np.ndarray | None
    asked: np.ndarray
    wrong: np.ndarray | None
    right: int | None
    verdict: str
    correct: bool | None = None
    most_wrong: int | None = None

    @property
    def due(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Target and output of the steps where an answer is due; None where the target is a class."""
        return None if self.target is None else (self.target[self.asked], self.y[self.asked])


class Counts(Protocol):
    """Accumulator of metrics over a whole set; a torch module, so that it moves with the learner's device."""

    def update(self, output: Tensor, batch: Any) -> None:
        """Add a batch: output[B, T, O] of the network, and the batch with the targets."""

    def compute(self) -> dict[str, float]:
        """All metrics of the objective over the batches added since the last reset."""

    def reset(self) -> None:
        """Discard all batches added so far."""


#: Attributes that every objective sets.
REQUIRED = ("name", "metrics", "monitor", "headline", "reach", "picture")


class Objective(ABC):
    """Base class of objectives. It holds no state: metrics are accumulated in the object that `counts` returns.

    A subclass has an entry in `src.lit.objectives`. Attributes are class attributes.

    Required attributes:
        name (str): by which a task refers to the objective.
        metrics (tuple of `Metric`): all metrics of validation and tests, in the order of metrics.json. A metric of
            the same name in another objective must be equal.
        monitor (str): validation metric by which checkpoints are chosen; searches use `to_minimise` of it.
        headline (str): metric shown beside the loss and first in tables.
        reach (tuple of str): metrics of generalisation, at least one; the first is also computed on training
            batches. For TensorBoard, HPARAMS and reports.
        picture (str): name of the figure of answers.

    Required methods:
        loss(output, batch, wanted, whole) -> loss, metrics: for the training loop.
        counts(task) -> `Counts`: accumulator of the metrics, for validation, tests and probes.
        answer(example, output) -> `Answer`: arrays and verdict of an output, for `draw`, replay and reports.

    Optional members:
        draw(answers, cmap) -> `Figure`: figure of the answers to some examples, for pictures; by default targets
            above outputs, so it is required where `Answer.target` is None.
        mapped (tuple of str): metrics drawn over a grid of test cells by src.evaluate; none by default.
        solved_by (str or None): metric that must be at or under `solve_threshold` for the task to be solved; None,
            the default, if there is none.
        end (bool): whether the last output is an end marker, False by default; for figures of answers.
        unit (str): of the loss, "nats" by default; for labels of figures.

    Raises:
        TypeError: a subclass that lacks attributes, all of which are named.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    monitor: ClassVar[str]
    headline: ClassVar[str]
    reach: ClassVar[tuple[str, ...]]
    mapped: ClassVar[tuple[str, ...]] = ()
    solved_by: ClassVar[str | None] = None
    picture: ClassVar[str]
    end: ClassVar[bool] = False
    unit: ClassVar[str] = "nats"

    def __init__(self) -> None:
        lacking = [name for name in REQUIRED if not hasattr(self, name)]
        if lacking:
            raise TypeError(f"{type(self).__name__} lacks {', '.join(lacking)}, see the docstring of Objective")

    @abstractmethod
    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a training batch and, if `wanted`, metrics of it for logging.

        For one shard of `whole`, the contribution to loss and metrics of the whole batch: contributions add up.

        Args:
            output: of the network, [B, T, O].
            batch: of the task.
            wanted: compute metrics too; the headline and the first of `reach` are among them.
            whole: the batch that `batch` is a shard of; None if `batch` is the whole batch.
        """

    @abstractmethod
    def counts(self, task: Task) -> Counts:
        """A new, empty accumulator of metrics for sets of a task."""

    @abstractmethod
    def answer(self, example: Example, output: Tensor) -> Answer:
        """Arrays and verdict of the output [1, T, O] for an example, for figures."""

    def draw(self, answers: Sequence[Answer], cmap: str) -> Figure:
        """A figure of the answers to some examples: targets above outputs."""
        panels = [
            TargetOutputPanel(one.title, *one.due, end=self.end, in_time=consecutive(np.flatnonzero(one.asked)))
            for one in answers
            if one.due is not None
        ]
        return target_output(panels, cmap)

    def metric(self, name: str) -> Metric:
        """The metric with a name."""
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all metrics."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def mode(self) -> str:
        """Whether less ("min") or more ("max") of the monitored metric is better."""
        return "max" if self.metric(self.monitor).more else "min"

    def to_minimise(self, validation: Mapping[str, float | None]) -> float:
        """The value that a search minimises: the monitored metric, or 1 minus a share to maximise.

        Infinity for what is no number, which is null in metrics.json.
        """
        value = validation[self.monitor]
        if value is None or math.isnan(value):
            return math.inf
        return 1.0 - value if self.metric(self.monitor).more else value

    @property
    def minimised(self) -> str:
        """Description of the value of `to_minimise`."""
        return f"{'1 - ' if self.metric(self.monitor).more else ''}validation {self.monitor}"
