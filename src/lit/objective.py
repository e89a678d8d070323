"""What is learned from one kind of answer: its loss, its metrics and their names, how an answer is drawn."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from src.figures.style import Figure
from src.tasks.base import Example, Task


class Metric(NamedTuple):
    """How a metric is read.

    Attributes:
        name: in metrics.json, history.csv and TensorBoard.
        more: whether more of it is better.
        worst: the worst it can be, which a diverged run counts as: 0 or 1 for a share, infinite for others.
        chance: what guessing gives; None where that says little.
        about: what it is, in a sentence of a report.
    """

    name: str
    more: bool
    worst: float
    chance: float | None = None
    about: str = ""

    @property
    def told(self) -> str:
        """For people."""
        return self.name.replace("_", " ")

    @property
    def bounded(self) -> bool:
        """Whether it is a share, from 0 to 1."""
        return math.isfinite(self.worst)

    @property
    def logarithmic(self) -> bool:
        """Whether its curve is drawn over a logarithmic scale: it falls towards 0, from wherever."""
        return self.worst == math.inf

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value there can be."""
        return (-math.inf if self.worst == -math.inf else 0.0), (1.0 if self.bounded else math.inf)


class Answer(NamedTuple):
    """What a network made of one example of T steps, as arrays.

    Attributes:
        title: of the example.
        x: input, [T, F].
        y: output as it is read, [T, O]; in 0..1 where it is a probability.
        target: what was asked for, [T, O]; None where it is a class.
        asked: [T], true where an answer is due.
        wrong: how many outputs of each step are wrong, [T]; None where that cannot be said.
        right: the class asked for; None where there are no classes.
        verdict: what the answer is worth, in words.
    """

    title: str
    x: np.ndarray
    y: np.ndarray
    target: np.ndarray | None
    asked: np.ndarray
    wrong: np.ndarray | None
    right: int | None
    verdict: str

    @property
    def due(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Target and output of the steps where an answer is due; None where that is a class."""
        return None if self.target is None else (self.target[self.asked], self.y[self.asked])


class Counts(Protocol):
    """What counts the answers to a whole set; a module, so that it moves to the learner's device."""

    def update(self, output: Tensor, batch: Any) -> None:
        """Count a batch: output[B, T, O] of the network, and what was asked."""

    def compute(self) -> dict[str, float]:
        """All metrics of the objective, of what was counted since the last reset."""

    def reset(self) -> None:
        """Forget what was counted."""


class Objective(ABC):
    """One kind of answer. It holds no state: what a run counts is in its `counts`.

    Attributes:
        name: what a task names it by.
        metrics: all that validation and tests measure, in the order of metrics.json.
        monitor: the metric that validation is judged by.
        headline: the metric shown beside the loss, that a table leads with.
        reach: the metrics that tell how far what was learned reaches; the first is also known of training batches.
        mapped: the metrics that are drawn over a grid of test cells.
        solved_by: the metric that is at or under a threshold where the task is solved; None where it never is.
        picture: the name of the figure of answers.
        unit: of the loss.
    """

    name: ClassVar[str]
    metrics: ClassVar[tuple[Metric, ...]]
    monitor: ClassVar[str]
    headline: ClassVar[str]
    reach: ClassVar[tuple[str, ...]]
    mapped: ClassVar[tuple[str, ...]] = ()
    solved_by: ClassVar[str | None] = None
    picture: ClassVar[str]
    unit: ClassVar[str] = "nats"

    @abstractmethod
    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a training batch and, where they are wanted, metrics of it to show.

        Of a batch that is a share of `whole`, what it adds to those of the whole: over all shares they sum up.

        Args:
            output: of the network, [B, T, O].
            batch: of the task.
            wanted: whether metrics are; the headline and the first of `reach` are among them.
            whole: the batch that this one is a share of; None for one that is whole.
        """

    @abstractmethod
    def counts(self, task: Task) -> Counts:
        """What counts the answers to a set of a task, with nothing counted yet."""

    @abstractmethod
    def answer(self, example: Example, output: Tensor) -> Answer:
        """The output [1, T, O] for an example, to be shown."""

    @abstractmethod
    def draw(self, answers: Sequence[Answer], cmap: str) -> Figure:
        """The answers to some examples as a figure."""

    def metric(self, name: str) -> Metric:
        """One of the metrics, by its name."""
        return next(metric for metric in self.metrics if metric.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all metrics."""
        return tuple(metric.name for metric in self.metrics)

    @property
    def mode(self) -> str:
        """Whether less ("min") or more ("max") of the monitored metric is better."""
        return "max" if self.metric(self.monitor).more else "min"

    def to_minimise(self, validation: Mapping[str, float]) -> float:
        """What a search over settings should make small; a share to maximise becomes one of failures."""
        value = validation[self.monitor]
        return 1.0 - value if self.metric(self.monitor).more else value

    @property
    def minimised(self) -> str:
        """What `to_minimise` gives, in words."""
        return f"{'1 - ' if self.metric(self.monitor).more else ''}validation {self.monitor}"
