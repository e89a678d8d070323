"""Learning to answer with bits: repeat-copy and its kin."""

import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import Metric

from src.lit.learner import Learner
from src.tasks.repeat_copy_sampler import RepeatCopyBatch as Batch


class BitMetrics(Metric):
    """What is counted of answers in bits; the last output is the end marker, the others are payload.

    `compute` gives
        bits            cross-entropy in bits a sequence
        error_bits      wrong bits a sequence, payload and end marker
        payload_error   share of wrong payload bits
        end_error       share of wrong end-marker bits
        end_exact       share of sequences with the end marker at the right step and nowhere else
        exact           share of sequences with every payload bit right
        loss            mean cross-entropy in nats over all elements of the answers
    """

    full_state_update = False
    nats: Tensor
    payload_wrong: Tensor
    end_wrong: Tensor
    end_exact: Tensor
    exact: Tensor
    steps: Tensor
    payload: Tensor
    sequences: Tensor
    names = ("nats", "payload_wrong", "end_wrong", "end_exact", "exact", "steps", "payload", "sequences")

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)  # whoever measures a set measures all of it
        for name in self.names:
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(
        self, logits: Float[Tensor, "B T O"], y: Float[Tensor, "B T O"], mask: Float[Tensor, "B T"]
    ) -> None:
        """Count a batch of answers; only the steps where the mask is 1 count."""
        nats = binary_cross_entropy_with_logits(logits, y, reduction="none").sum(2) * mask
        wrong = ((logits > 0) != (y > 0.5)) * mask.unsqueeze(2)
        payload_wrong, end_wrong = wrong[..., :-1].sum((1, 2)), wrong[..., -1].sum(1)
        self.nats += nats.sum()
        self.payload_wrong += payload_wrong.sum()
        self.end_wrong += end_wrong.sum()
        self.end_exact += (end_wrong == 0).sum()
        self.exact += (payload_wrong == 0).sum()
        self.steps += mask.sum()
        self.payload += mask.sum() * (y.shape[2] - 1)
        self.sequences += len(y)

    def compute(self) -> dict[str, float]:
        """The metrics by name."""
        nats, payload_wrong, end_wrong, end_exact, exact, steps, payload, sequences = (
            float(getattr(self, name)) for name in self.names
        )
        return {
            "bits": nats / math.log(2) / sequences,
            "error_bits": (payload_wrong + end_wrong) / sequences,
            "payload_error": payload_wrong / payload,
            "end_error": end_wrong / steps,
            "end_exact": end_exact / sequences,
            "exact": exact / sequences,
            "loss": nats / (payload + steps),
        }


class BitLearner(Learner):
    """Mean binary cross-entropy over the unmasked elements of the answers of a batch."""

    monitor, monitor_mode, headline = "bits", "min", "error_bits"
    reach = ("payload_error", "end_exact")
    metric_names = ("bits", "error_bits", "payload_error", "end_error", "end_exact", "exact", "loss")

    def build_metrics(self) -> None:
        self.metrics = BitMetrics()

    def loss_and_metrics(
        self, batch: Batch, wanted: bool = True, whole: Batch | None = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        whole = batch if whole is None else whole
        logits, _ = self.network(batch.x)
        nats = binary_cross_entropy_with_logits(logits, batch.y, weight=batch.mask.unsqueeze(2), reduction="sum")
        steps = whole.mask.sum()
        loss = nats / (steps * logits.shape[2])
        if not wanted:
            return loss, {}
        with torch.no_grad():
            wrong = ((logits > 0) != (batch.y > 0.5)) * batch.mask.unsqueeze(2)
            payload, end = wrong[..., :-1].sum(), wrong[..., -1].sum()
        return loss, {
            "error_bits": (payload + end) / len(whole.x),
            "payload_error": payload / (steps * (wrong.shape[2] - 1)),
            "end_error": end / steps,
        }

    def reset_metrics(self) -> None:
        self.metrics.reset()

    def count(self, batch: Batch, memory_slots: int | None) -> None:
        state = None
        if memory_slots is not None:
            state = self.network.initial_state(len(batch.x), memory_slots)
        logits, _ = self.network(batch.x, state)
        self.metrics.update(logits, batch.y, batch.mask)

    def counted(self) -> dict[str, float]:
        return self.metrics.compute()
