"""Learning to name a class after the last step: MNIST-1D."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy

from src.lit.learner import Learner
from src.tasks.mnist1d import MNIST1DBatch as Batch


class ClassLearner(Learner):
    """Mean cross-entropy of the output at the last step."""

    monitor, monitor_mode, headline = "accuracy", "max", "accuracy"
    reach = ("accuracy",)
    metric_names = ("accuracy", "loss")

    def build_metrics(self) -> None:
        # Whoever measures a set measures all of it: there is nothing to gather from other processes.
        self.accuracy = MulticlassAccuracy(self.task.output_size, average="micro", sync_on_compute=False)
        self.mean_loss = MeanMetric(sync_on_compute=False)

    def loss_and_metrics(
        self, batch: Batch, wanted: bool = True, whole: Batch | None = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        y, _ = self.network(batch.x)
        logits = y[:, -1]
        loss = cross_entropy(logits, batch.y)
        metrics = {"accuracy": (logits.detach().argmax(1) == batch.y).float().mean()} if wanted else {}
        if whole is None:
            return loss, metrics
        part = len(batch.y) / len(whole.y)
        return loss * part, {name: value * part for name, value in metrics.items()}

    def reset_metrics(self) -> None:
        self.accuracy.reset()
        self.mean_loss.reset()

    def count(self, batch: Batch, memory_slots: int | None) -> None:
        state = None
        if memory_slots is not None:
            state = self.network.initial_state(len(batch.x), memory_slots)
        y, _ = self.network(batch.x, state)
        self.accuracy.update(y[:, -1], batch.y)
        self.mean_loss.update(cross_entropy(y[:, -1], batch.y), weight=len(batch.y))

    def counted(self) -> dict[str, float]:
        return {"accuracy": float(self.accuracy.compute()), "loss": float(self.mean_loss.compute())}
