"""Trace: the internals of a cell at each step, as named tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from ..memory.addressing import circular_deviation, circular_mean, deviation, mean, on_ring


@dataclass(frozen=True, eq=False)
class Trace(Mapping[str, Tensor]):
    """Activity of the heads and content of the memory, at one step or over T steps; empty without heads.

    It is also a mapping from names to tensors: the fields that are set, and the entries of `numbers` and `others`.

    Attributes:
        weighting: weighting of each head over the slots; the read heads come first.
        numbers: further numbers of each head, ``[B, *T, H]`` or ``[B, *T, H, K]``: gate, sigma, position, ...
        erase: erase vector of each write head.
        add: add vector of each write head.
        memory: the memory after the step.
        read: read vector of each read head.
        others: further tensors of a cell, ``[B, *T, ...]``.
        ring: whether slot 0 follows the last slot.
    """

    weighting: Float[Tensor, "B *T H N"] | None = None
    numbers: Mapping[str, Tensor] = field(default_factory=dict)
    erase: Float[Tensor, "B *T W M"] | None = None
    add: Float[Tensor, "B *T W M"] | None = None
    memory: Float[Tensor, "B *T N M"] | None = None
    read: Float[Tensor, "B *T R M"] | None = None
    others: Mapping[str, Tensor] = field(default_factory=dict)
    ring: bool = True

    @property
    def place(self) -> tuple[Float[Tensor, "B *T H"], Float[Tensor, "B *T H"]]:
        """Position and width of each head, in slots: mean and standard deviation of its weighting.

        They are circular on a ring. A number `position` in the trace is the position, there from 0 to below N.
        """
        assert self.weighting is not None
        if not self.ring:
            return self.numbers.get("position", mean(self.weighting)), deviation(self.weighting)
        own = self.numbers.get("position")
        position = circular_mean(self.weighting) if own is None else on_ring(own, self.weighting.shape[-1])
        return position, circular_deviation(self.weighting)

    @classmethod
    def of(cls, shown: Mapping[str, Tensor]) -> Trace:
        """A trace from a mapping; entries that are not named like a field go to `others`."""
        if isinstance(shown, Trace):
            return shown
        fields: dict[str, Any] = {name: shown[name] for name in FIELDS if name in shown}
        return cls(**fields, others={name: shown[name] for name in shown if name not in FIELDS})

    @classmethod
    def over_time(cls, steps: Sequence[Trace]) -> Trace:
        """Stack the traces of T steps, each [B, ...], into one, [B, T, ...].

        Where a tensor grows with time, as a memory does that gets a row at every step, what is not there yet is 0.
        """
        return steps[0]._with_tensors({name: _stack([step[name] for step in steps]) for name in steps[0]})

    def map(self, change: Callable[[Tensor], Tensor]) -> Trace:
        """A trace with the same names and the function applied to each tensor."""
        return self._with_tensors({name: change(tensor) for name, tensor in self.items()})

    def _with_tensors(self, tensors: Mapping[str, Tensor]) -> Trace:
        """A trace with the same names and other tensors."""
        changes: dict[str, Any] = {name: tensors[name] for name in FIELDS if name in tensors}
        for group in ("numbers", "others"):
            changes[group] = {name: tensors[name] for name in getattr(self, group)}
        return replace(self, **changes)

    def _by_name(self) -> dict[str, Tensor]:
        fields = {name: getattr(self, name) for name in FIELDS}
        weighting = {"weighting": fields.pop("weighting")}
        return {
            name: tensor
            for part in (weighting, self.numbers, fields, self.others)
            for name, tensor in part.items()
            if tensor is not None
        }

    def __getitem__(self, name: str) -> Tensor:
        return self._by_name()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name())

    def __len__(self) -> int:
        return len(self._by_name())


#: Fields of a trace that are single tensors, in order.
FIELDS = ("weighting", "erase", "add", "memory", "read")


def _stack(steps: list[Tensor]) -> Tensor:
    """Stack along a new second dimension; smaller tensors are filled up with zeros at their ends."""
    if len({step.shape for step in steps}) > 1:
        sizes = [max(of_steps) for of_steps in zip(*(step.shape for step in steps), strict=True)]
        missing = [
            [end for size, has in zip(sizes, step.shape, strict=True) for end in (size - has, 0)] for step in steps
        ]
        steps = [pad(step, ends[::-1]) for step, ends in zip(steps, missing, strict=True)]
    return torch.stack(steps, 1)
