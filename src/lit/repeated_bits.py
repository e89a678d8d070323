"""Objective of answers that repeat bits that were heard, with an end marker: it also tells how an answer fails."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..tasks.base import Task
from .bits import BitCounts, Bits
from .objective import Metric

#: A repetition is recognised if at most this share of its bits is wrong at its best alignment.
RECOGNISED = 0.05
FAULTS = tuple(
    Metric(name, more=False, worst=1.0, about=about, detail=True)
    for name, about in (
        ("shifted", "share of repetitions that are right but early or late"),
        ("lost", "share of repetitions that fit what was heard at no alignment"),
        ("end_early", "share of sequences with an end marker before the right step"),
        ("end_late", "share of sequences without an end marker up to the right step"),
    )
)
#: Less is not better here: 1 is right. It counts as worst where a run diverged.
END_AT = Metric(
    "end_at",
    more=False,
    worst=float("inf"),
    about="step of the first end marker as a share of the right step, median over sequences",
    detail=True,
)


def best_alignments(
    said: Bool[Tensor, "B W width"],
    heard: Bool[Tensor, "B W width"],
    lengths: Integer[Tensor, "B"],
    repeats: Integer[Tensor, "B"],
) -> list[tuple[Integer[Tensor, "R"], Float[Tensor, "R"]]]:
    """Where each repetition of an answer fits best what was heard, for each sequence.

    Repetition r of a sequence of length L has the words r L to (r + 1) L - 1. At alignment a, its word i is
    compared with word (i + a) mod L of what was heard. Alignment 0 is the right one, and is preferred where
    several fit alike; at L - 1 the repetition is one step late.

    Args:
        said: bits of the answers, from their first step; words beyond the last repetition are ignored.
        heard: the right answers, in the same places.
        lengths: L of each sequence.
        repeats: R of each sequence.

    Returns:
        For each sequence the best alignment of each repetition, and the share of its bits that are wrong there.

    >>> heard = torch.tensor([[[1], [0], [0]] * 2], dtype=torch.bool)
    >>> said = torch.tensor([[[1], [0], [0], [0], [1], [0]]], dtype=torch.bool)  # the second time a step late
    >>> best_alignments(said, heard, torch.tensor([3]), torch.tensor([2]))
    [(tensor([0, 2]), tensor([0., 0.]))]
    """
    found = []
    for words, right, length, times in zip(said, heard, lengths.tolist(), repeats.tolist(), strict=True):
        blocks = words[: length * times].unflatten(0, (times, length))
        i = torch.arange(length)
        rotated = right[:length][(i + i[:, None]) % length]  # [alignment, word, width]
        wrong = (blocks[:, None] != rotated).float().mean((2, 3))
        least = wrong.min(1).values
        # The first of the least is the smallest alignment, so that 0 is preferred.
        found.append(((wrong == least[:, None]).int().argmax(1), least))
    return found


class RepeatedBitCounts(BitCounts):
    """Accumulator of the metrics of repeated answers: those of `BitCounts`, and how answers fail.

    A batch also has lengths[B] and repeats[B]. Outputs after the right end are read where the batch has such
    steps, so that a late end marker is seen; without one, it counts as given right after the last step.

    `compute` adds
        shifted     share of repetitions that are right at another alignment than 0, see `best_alignments`
        lost        share of repetitions that are right at no alignment
        end_early   share of sequences with an end marker before the right step
        end_late    share of sequences without an end marker up to the right step
        end_at      step of the first end marker in the answer as a share of the right one, median over sequences
    """

    at: list[Tensor]
    fault_names = tuple(metric.name for metric in FAULTS)
    shifted: Tensor
    lost: Tensor
    end_early: Tensor
    end_late: Tensor
    repetitions: Tensor

    def __init__(self) -> None:
        super().__init__(Bits().names)
        for name in (*self.fault_names, "repetitions"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("at", [], dist_reduce_fx="cat")

    def update(self, logits: Float[Tensor, "B T O"], batch: Any) -> None:
        super().update(logits, batch)
        bits, target = (logits > 0).cpu(), (batch.y > 0.5).cpu()
        starts, right = batch.mask.argmax(1).cpu(), (batch.lengths * batch.repeats).cpu()
        step = (starts[:, None] + torch.arange(bits.shape[1])).clamp(max=bits.shape[1] - 1)
        rows = torch.arange(len(bits))[:, None]
        said, heard = bits[rows, step], target[rows, step]  # from the first step of each answer
        alignments = best_alignments(said[..., :-1], heard[..., :-1], batch.lengths.cpu(), batch.repeats.cpu())
        for alignment, wrong in alignments:
            lost = wrong > RECOGNISED
            self.lost += lost.sum()
            self.shifted += ((alignment > 0) & ~lost).sum()
            self.repetitions += len(wrong)
        left = bits.shape[1] - starts  # steps from the first of the answer
        ends = said[..., -1] & (torch.arange(bits.shape[1]) < left[:, None])
        first = torch.where(ends.any(1), ends.int().argmax(1), left)
        self.end_early += (first < right).sum()
        self.end_late += (first > right).sum()
        self.at.append(first / right)

    def compute(self) -> dict[str, float]:
        shares = {name: float(getattr(self, name)) for name in self.fault_names}
        for name in shares:
            shares[name] /= float(self.sequences if name.startswith("end") else self.repetitions)
        at = torch.cat(self.at) if isinstance(self.at, list) else self.at
        return super().compute() | shares | {END_AT.name: float(at.double().quantile(0.5))}


class RepeatedBits(Bits):
    """As `Bits`, of answers that repeat what was heard: with metrics of faults, and a weight of the end marker.

    A batch also has lengths[B], repeats[B], and end_weight[B], the weight of the end marker in the training loss.
    """

    name = "repeated_bits"
    metrics: ClassVar[tuple[Metric, ...]] = (*Bits.metrics, *FAULTS, END_AT)
    mapped = (*Bits.mapped, "shifted", "lost", "end_at")

    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        loss, metrics = super().loss(output, batch, wanted, whole)
        whole = batch if whole is None else whole
        further = (batch.end_weight[:, None] - 1) * batch.mask  # no branch for 1: it would wait for a device
        nats = binary_cross_entropy_with_logits(output[..., -1], batch.y[..., -1], further, reduction="sum")
        return loss + nats / (whole.mask.sum() * output.shape[2]), metrics

    def counts(self, task: Task) -> RepeatedBitCounts:
        return RepeatedBitCounts()
