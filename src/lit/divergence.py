"""Detection of a loss or gradient norm that is not finite."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Diverged(Exception):
    """The loss or the gradient is not finite.

    Attributes:
        what: the quantity that was not finite, "loss" or "norm of the gradient".
        step: number of the update, which was not made.
        batch: index of its batch since the last validation; None if unknown.
    """

    def __init__(self, what: str, value: float, step: int, batch: int | None = None) -> None:
        super().__init__(f"the {what} became {value} at update {step}")
        self.what, self.step, self.batch = what, step, batch


def free_to_read(value: Tensor) -> bool:
    """Whether a number can be read without synchronisation: it is on the CPU."""
    return value.device.type == "cpu"


class DivergenceWatch:
    """Stops a run at the first number that is not finite.

    A number on the CPU is checked at once. For numbers on a device, the device records the index of the first
    that is not finite and undoes all updates from then on; `check` reads that index, with one synchronisation.

    Attributes:
        seen: kind, update and batch of each number since the last `check`.
        first: index in `seen` of the first number that is not finite, -1 for none; None before the first number.
        value: the first number that is not finite.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int | None]] = []
        self.first: Tensor | None = None
        self.value: Tensor | None = None
        self.weights: Sequence[nn.Parameter] = ()
        self.before: list[Tensor] = []

    def see(self, what: str, value: Tensor, update: int, batch: int | None = None) -> None:
        """Check a number, or record it on its device for the next `check`.

        Raises:
            Diverged: the number is on the CPU and not finite.
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
        """Read the record of the device, if numbers on a device were seen.

        Raises:
            Diverged: one of these numbers was not finite.
        """
        if self.first is not None and self.seen:
            first = int(self.first)
            if first >= 0:
                what, update, batch = self.seen[first]
                raise Diverged(what, float(self.value if self.value is not None else math.nan), update, batch)
            self.seen.clear()

    @torch.no_grad()
    def keep(self, weights: Sequence[nn.Parameter]) -> None:
        """Copy the weights before an update; does nothing if all numbers were on the CPU."""
        if self.first is None:
            return
        if not self.before:
            self.weights, self.before = weights, [torch.empty_like(weight) for weight in weights]
        for kept, weight in zip(self.before, weights, strict=True):
            kept.copy_(weight)

    @torch.no_grad()
    def undo(self) -> None:
        """Restore the copied weights if a number of this or an earlier update was not finite."""
        if self.first is None:
            return
        all_finite = self.first < 0
        for kept, weight in zip(self.before, self.weights, strict=True):
            weight.copy_(torch.where(all_finite, weight, kept))
