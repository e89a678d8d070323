"""Metrics of random guessing on a test set, for `Task.baselines`."""

import math
from collections.abc import Sequence
from typing import Any

import torch


def guessed(objective: str, batches: Sequence[Any], outputs: int) -> dict[str, float]:
    """Metrics of a predictor without a preference, by the objective of a task with this many outputs.

    Empty for an objective other than those of bits and symbols. A batch has y and mask, see `Task`.
    """
    if objective == "symbols":
        return guessed_symbols(batches, outputs)
    if objective == "predicted_bits":
        every = guessed_bits(batches)
        return {name: every[name] for name in ("bits", "error_bits", "loss")}
    if objective in ("bits", "repeated_bits", "bits_without_end"):
        return guessed_bits(batches, end=objective != "bits_without_end")
    return {}


def guessed_bits(batches: Sequence[Any], end: bool = False) -> dict[str, float]:
    """Metrics of a predictor that gives every bit of the answers the probability 1/2.

    With `end` the last bit of a step is an end marker, and the others are payload.

    >>> from src.tasks.batches import SequenceBatch
    >>> batch = SequenceBatch(torch.zeros(1, 3, 2), torch.zeros(1, 3, 4), torch.tensor([[0.0, 0.0, 1.0]]))
    >>> guessed_bits([batch])["bits"], guessed_bits([batch])["exact"]  # an answer of 4 bits
    (4.0, 0.0625)
    """
    steps = torch.cat([batch.mask.sum(1) for batch in batches]).double()
    width = batches[0].y.shape[2]
    mean = float(steps.mean()) * width
    of_end = {"end_error": 0.5, "end_exact": _exact(0.5, steps)} if end else {}
    return {
        "bits": mean,
        "error_bits": mean / 2,
        "payload_error": 0.5,
        **of_end,
        "exact": _exact(0.5, steps * (width - end)),
        "loss": math.log(2),
    }


def guessed_symbols(batches: Sequence[Any], classes: int) -> dict[str, float]:
    """Metrics of a predictor that gives each of the classes the same probability at every step of the answers.

    >>> from src.tasks.batches import SequenceBatch
    >>> batch = SequenceBatch(torch.zeros(1, 3, 2), torch.zeros(1, 3).long(), torch.tensor([[0.0, 1.0, 1.0]]))
    >>> guessed_symbols([batch], 4)["bits"], guessed_symbols([batch], 4)["accuracy"]
    (4.0, 0.25)
    """
    asked = torch.cat([batch.mask.sum(1) for batch in batches]).double()
    mean = float(asked.mean())
    return {
        "bits": mean * math.log2(classes),
        "error_symbols": mean * (1 - 1 / classes),
        "symbol_error": 1 - 1 / classes,
        "accuracy": 1 / classes,
        "exact": _exact(1 / classes, asked),
        "loss": math.log(classes),
    }


def _exact(share: float, asked: torch.Tensor) -> float:
    """Share of sequences guessed right as a whole; 0 instead of less than one in a million."""
    return round(float((share**asked).mean()), 6)
