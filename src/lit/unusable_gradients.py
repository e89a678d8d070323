"""Gradients that are not finite: each is left out, many in a row mean that a run has diverged."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import divergence

#: A run has diverged at this many unusable gradients in a row.
LIMIT = 10


class UnusableGradients:
    """Replaces a gradient whose norm is not finite by zeros, and counts.

    Such a gradient need not mean divergence. Sharpening, equation (9) of the NTM paper, multiplies the differences
    of a weighting by gamma at every step. Where many slots have exactly the same weight, a loss of moderate size
    has a gradient that grows as gamma^T over T steps, and overflows in a long sequence.

    Nothing is read from a device at an update.

    Attributes:
        total: unusable gradients so far.
        in_a_row: those since the last usable one.
    """

    def __init__(self) -> None:
        self.total = self.in_a_row = torch.tensor(0)

    def leave_out(self, gradients: Sequence[Tensor], norm: Tensor) -> Tensor:
        """Set the gradients to zero if their norm is not finite; returns the norm of what they are now."""
        if divergence.free_to_read(norm) and math.isfinite(norm):
            if self.in_a_row:
                self.in_a_row = torch.tensor(0)
            return norm
        unusable = ~norm.isfinite()
        self.total = self.total.to(norm.device) + unusable
        self.in_a_row = (self.in_a_row.to(norm.device) + 1) * unusable
        for gradient in gradients:
            gradient.masked_fill_(unusable.to(gradient.device), 0.0)
        return norm.masked_fill(unusable, 0.0)

    def beyond_limit(self, norm: Tensor) -> Tensor:
        """The norm if there were too many unusable gradients in a row, else 0."""
        return torch.where(self.in_a_row.to(norm.device) >= LIMIT, norm, torch.zeros_like(norm))

    def state_dict(self) -> dict[str, int]:
        """The counts, for a checkpoint."""
        return {"total": int(self.total), "in_a_row": int(self.in_a_row)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Restore the counts."""
        self.total, self.in_a_row = torch.tensor(state["total"]), torch.tensor(state["in_a_row"])
