"""Objective of classification after the last step, such as MNIST-1D."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from ..figures.reading import reading
from ..figures.style import Figure
from ..tasks.base import Example, Task
from .metrics import ACCURACY, LOSS
from .objective import Answer, Objective


class ClassCounts(nn.Module):
    """Accumulator of the accuracy and the mean cross-entropy in nats.

    A batch has y[B], the class indices.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        # Each process measures the whole set: there is nothing to gather from other processes.
        self.accuracy = MulticlassAccuracy(classes, average="micro", sync_on_compute=False)
        self.mean_loss = MeanMetric(sync_on_compute=False)

    def update(self, output: Tensor, batch: Any) -> None:
        """Add a batch; only the output at the last step counts."""
        self.accuracy.update(output[:, -1], batch.y)
        self.mean_loss.update(cross_entropy(output[:, -1], batch.y), weight=len(batch.y))

    def compute(self) -> dict[str, float]:
        """The metrics by name."""
        return {"accuracy": float(self.accuracy.compute()), "loss": float(self.mean_loss.compute())}

    def reset(self) -> None:
        """Discard all batches added so far."""
        self.accuracy.reset()
        self.mean_loss.reset()


class Classes(Objective):
    """Mean cross-entropy of the output at the last step."""

    name = "classes"
    metrics = (ACCURACY, LOSS)
    monitor = headline = "accuracy"
    reach = ("accuracy",)
    picture = "reading"

    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        logits = output[:, -1]
        loss = cross_entropy(logits, batch.y)
        metrics = {"accuracy": (logits.detach().argmax(1) == batch.y).float().mean()} if wanted else {}
        if whole is None:
            return loss, metrics
        part = len(batch.y) / len(whole.y)
        return loss * part, {name: value * part for name, value in metrics.items()}

    def counts(self, task: Task) -> ClassCounts:
        return ClassCounts(task.output_size)

    def answer(self, example: Example, output: Tensor) -> Answer:
        right, predicted = int(example.y[0]), int(output[0, -1].argmax())
        return Answer(
            title=example.title,
            x=example.x[0].numpy(),
            y=output[0].softmax(1).numpy(),
            target=None,
            asked=np.ones(output.shape[1], dtype=bool),  # a class may be guessed at any step
            wrong=None,
            right=right,
            verdict=f"answers {predicted} at the end, "
            + ("right" if predicted == right else f"wrong: it is a {right}"),
            correct=predicted == right,
        )

    def draw(self, answers: Sequence[Answer], cmap: str) -> Figure:
        first = answers[0]
        assert first.right is not None
        return reading(first.x[:, 0], first.y, first.right, first.title)
