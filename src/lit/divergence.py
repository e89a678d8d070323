"""The watch for a loss or a gradient that is not finite."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Diverged(Exception):
    """The loss or the gradient is not finite.

    Attributes:
        what: what was not finite, "loss" or a norm of the gradient.
        step: the update that was about to be made.
        batch: its batch, counted from the last validation; None where that is not known.
    """

    def __init__(self, what: str, value: float, step: int, batch: int | None = None) -> None:
        super().__init__(f"the {what} became {value} at update {step}")
        self.what, self.step, self.batch = what, step, batch


def free_to_read(value: Tensor) -> bool:
    """Whether reading a number makes nothing wait; that of a device waits for all that the device has to do."""
    return value.device.type == "cpu"


class Watch:
    """Stops a run at the first number that is not finite.

    A number on the CPU is looked at at once. Of those on a device, the device itself keeps which was the first
    that is not finite, and from then on the weights as they were: `check` is where the host asks for it.

    Attributes:
        seen: what the numbers were since the last `check`: of which kind, of which update and batch.
        first: index among them of the first that is not finite, -1 for none; None before the first number.
        value: that number.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int | None]] = []
        self.first: Tensor | None = None
        self.value: Tensor | None = None
        self.weights: Sequence[nn.Parameter] = ()
        self.before: list[Tensor] = []

    def see(self, what: str, value: Tensor, update: int, batch: int | None = None) -> None:
        """Look at a number.

        Raises:
            Diverged: it can be read, and is not finite.
        """
        if free_to_read(value):
            number = float(value)
            if not math.isfinite(number):
                raise Diverged(what, number, update, batch)
            return
        if self.first is None or self.value is None:
            self.first = torch.full((), -1, device=value.device)
            self.value = torch.zeros((), device=value.device)
        new = ~value.isfinite() & (self.first < 0)
        self.first = torch.where(new, len(self.seen), self.first)
        self.value = torch.where(new, value.float(), self.value)
        self.seen.append((what, update, batch))

    def check(self) -> None:
        """Ask the device, if there is one.

        Raises:
            Diverged: a number seen before was not finite.
        """
        if self.first is not None and self.seen:
            first = int(self.first)
            if first >= 0:
                what, update, batch = self.seen[first]
                raise Diverged(what, float(self.value if self.value is not None else math.nan), update, batch)
            self.seen.clear()

    @torch.no_grad()
    def keep(self, weights: Sequence[nn.Parameter]) -> None:
        """Remember the weights before an update, where numbers of it are on a device."""
        if self.first is None:
            return
        if not self.before:
            self.weights, self.before = weights, [torch.empty_like(weight) for weight in weights]
        for kept, weight in zip(self.before, weights, strict=True):
            kept.copy_(weight)

    @torch.no_grad()
    def undo(self) -> None:
        """Take an update back that came of a number that is not finite, or after one."""
        if self.first is None:
            return
        fine = self.first < 0
        for kept, weight in zip(self.before, self.weights, strict=True):
            weight.copy_(torch.where(fine, weight, kept))
