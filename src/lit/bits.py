"""Objectives of tasks whose answers are bits: with an end marker, without one, and random bits to predict."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import Metric as Counter

from ..tasks.base import Example, Task
from .metrics import BITS, ERROR_BITS, EXACT, LOSS, PAYLOAD_ERROR
from .objective import Answer, Metric, Objective


class BitCounts(Counter):
    """Accumulator of the metrics of answers in bits.

    A batch has y[B, T, O], of zeros and ones, and mask[B, T], which is 1 where an answer is due. An end marker is
    the last output, and the others are payload; without one all are payload.

    `compute` gives
        bits            cross-entropy in bits a sequence
        error_bits      wrong bits a sequence, payload and end marker
        payload_error   share of wrong payload bits
        end_error       share of wrong end-marker bits
        end_exact       share of sequences with the end marker at the right step and nowhere else
        exact           share of sequences with every payload bit right
        loss            mean cross-entropy in nats over all elements of the answers

    Args:
        metrics: names of those that `compute` gives; all by default, without those of the end if there is none.
        end: whether the last output is an end marker.
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

    def __init__(self, metrics: Sequence[str] | None = None, end: bool = True) -> None:
        super().__init__(sync_on_compute=False)  # each process measures the whole set
        self.metrics, self.end = metrics, end
        for name in self.names:
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Float[Tensor, "B T O"], batch: Any) -> None:
        """Add a batch; only the steps where the mask is 1 count."""
        y, mask = batch.y, batch.mask
        nats = binary_cross_entropy_with_logits(logits, y, reduction="none").sum(2) * mask
        wrong = ((logits > 0) != (y > 0.5)) * mask.unsqueeze(2)
        payload_wrong, end_wrong = split(wrong, self.end)
        self.nats += nats.sum()
        self.payload_wrong += payload_wrong.sum()
        self.end_wrong += end_wrong.sum()
        self.end_exact += (end_wrong == 0).sum()
        self.exact += (payload_wrong == 0).sum()
        self.steps += mask.sum()
        self.payload += mask.sum() * (y.shape[2] - self.end)
        self.sequences += len(y)

    def compute(self) -> dict[str, float]:
        """The metrics by name."""
        nats, payload_wrong, end_wrong, end_exact, exact, steps, payload, sequences = (
            float(getattr(self, name)) for name in self.names
        )
        every = {
            "bits": nats / math.log(2) / sequences,
            "error_bits": (payload_wrong + end_wrong) / sequences,
            "payload_error": payload_wrong / payload,
            "end_error": end_wrong / steps,
            "end_exact": end_exact / sequences,
            "exact": exact / sequences,
            "loss": nats / (payload + steps * self.end),
        }
        given = [name for name in every if self.end or name not in ("end_error", "end_exact")]
        return {name: every[name] for name in (given if self.metrics is None else self.metrics)}


def split(wrong: Num[Tensor, "B T O"], end: bool) -> tuple[Num[Tensor, "B"], Num[Tensor, "B"]]:
    """Wrong bits of each sequence, in the payload and in the end marker, if there is one."""
    in_all, in_last = wrong.sum((1, 2)), wrong[..., -1].sum(1) * end
    return in_all - in_last, in_last


class Bits(Objective):
    """Mean binary cross-entropy over the unmasked elements of the answers of a batch, with an end marker.

    Attributes:
        in_training (tuple of str): metrics of training batches.
    """

    name = "bits"
    end: ClassVar[bool] = True
    metrics: ClassVar[tuple[Metric, ...]] = (
        BITS,
        ERROR_BITS,
        PAYLOAD_ERROR,
        Metric("end_error", more=False, worst=1.0),
        Metric(
            "end_exact",
            more=True,
            worst=0.0,
            about="share of sequences with the end marker at the right step and nowhere else",
        ),
        EXACT,
        LOSS,
    )
    monitor, headline = "bits", "error_bits"
    reach: ClassVar[tuple[str, ...]] = ("payload_error", "end_exact")
    mapped: ClassVar[tuple[str, ...]] = ("payload_error", "end_error", "end_exact", "exact", "error_bits")
    in_training: ClassVar[tuple[str, ...]] = ("error_bits", "payload_error", "end_error")
    solved_by: ClassVar[str | None] = "error_bits"
    picture = "target_output"

    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        whole = batch if whole is None else whole
        nats = binary_cross_entropy_with_logits(output, batch.y, weight=batch.mask.unsqueeze(2), reduction="sum")
        steps = whole.mask.sum()
        loss = nats / (steps * output.shape[2])
        if not wanted:
            return loss, {}
        with torch.no_grad():
            wrong = ((output > 0) != (batch.y > 0.5)) * batch.mask.unsqueeze(2)
            payload, end = (part.sum() for part in split(wrong, self.end))
            metrics = {
                "bits": nats / math.log(2) / len(whole.x),
                "error_bits": (payload + end) / len(whole.x),
                "payload_error": payload / (steps * (output.shape[2] - self.end)),
                "end_error": end / steps,
            }
        return loss, {name: metrics[name] for name in self.in_training}

    def counts(self, task: Task) -> BitCounts:
        return BitCounts(self.names, self.end)

    def answer(self, example: Example, output: Tensor) -> Answer:
        target, asked = example.y[0].numpy(), example.mask[0].numpy() > 0
        wrong = (((output[0].numpy() > 0) != (target > 0.5)) & asked[:, None]).sum(1)
        return Answer(
            title=example.title,
            x=example.x[0].numpy(),
            y=output[0].sigmoid().numpy(),
            target=target,
            asked=asked,
            wrong=wrong,
            right=None,
            verdict=f"{wrong.sum():,} of {asked.sum() * output.shape[2]:,} bits wrong",
            correct=not wrong.any(),
        )


class BitsWithoutEnd(Bits):
    """As `Bits`, without an end marker: all outputs are payload."""

    name = "bits_without_end"
    end = False
    metrics = (BITS, ERROR_BITS, PAYLOAD_ERROR, EXACT, LOSS)
    reach = ("payload_error", "exact")
    mapped = ("payload_error", "exact", "error_bits")
    in_training = ("error_bits", "payload_error")


class PredictedBits(Bits):
    """As `Bits`, of random bits to predict: the measure is their probability, and no output is right for sure."""

    name = "predicted_bits"
    end = False
    metrics = (BITS, ERROR_BITS, LOSS)
    monitor = headline = "bits"
    reach = ("bits", "loss")  # bits grow with the length of the answers, the loss does not
    mapped = ("bits", "loss")
    in_training = ("bits", "error_bits")
    solved_by = None

    def answer(self, example: Example, output: Tensor) -> Answer:
        counts = BitCounts(("bits",), end=False)
        counts.update(output, example)
        asked = int(example.mask.sum()) * output.shape[2]
        verdict = f"{counts.compute()['bits']:.1f} bits to tell {asked:,} random bits"
        return super().answer(example, output)._replace(verdict=verdict, wrong=None, correct=None)
