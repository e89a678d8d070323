"""What a cell shows of its steps, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Trace(Mapping[str, Tensor]):
    """What heads did and what a memory held, at one step or over T of them; empty for a cell without heads.

    It is a mapping, too: by name of the fields that are there, and of all that is in `numbers` and `others`.

    Attributes:
        weighting: of each head over the slots; the read heads come first.
        numbers: what else is known of every head, each [B, *T, H] or [B, *T, H, K]: gate, sigma, position, ...
        erase: what each write head erased.
        add: what each write head added.
        memory: as it is after the step.
        read: what each read head read of it.
        others: what else a cell shows, each [B, *T, ...].
    """

    weighting: Float[Tensor, "B *T H N"] | None = None
    numbers: Mapping[str, Tensor] = field(default_factory=dict)
    erase: Float[Tensor, "B *T W M"] | None = None
    add: Float[Tensor, "B *T W M"] | None = None
    memory: Float[Tensor, "B *T N M"] | None = None
    read: Float[Tensor, "B *T R M"] | None = None
    others: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, shown: Mapping[str, Tensor]) -> Trace:
        """A trace of what a cell shows as a mapping; what has none of the names of the fields is in `others`."""
        if isinstance(shown, Trace):
            return shown
        fields: dict[str, Any] = {name: shown[name] for name in FIELDS if name in shown}
        return cls(**fields, others={name: shown[name] for name in shown if name not in FIELDS})

    @classmethod
    def over_time(cls, steps: Sequence[Trace]) -> Trace:
        """The traces of T steps, each [B, ...], as one, [B, T, ...]."""
        return steps[0]._filled({name: torch.stack([step[name] for step in steps], 1) for name in steps[0]})

    def map(self, change: Callable[[Tensor], Tensor]) -> Trace:
        """A trace of the same names, of changed tensors."""
        return self._filled({name: change(tensor) for name, tensor in self.items()})

    def _filled(self, tensors: Mapping[str, Tensor]) -> Trace:
        """A trace of the same names, of other tensors."""
        return replace(
            self,
            numbers={name: tensors[name] for name in self.numbers},
            others={name: tensors[name] for name in self.others},
            **{name: tensors[name] for name in FIELDS if name in tensors},
        )

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


#: What is one tensor of a trace, in the order of its names.
FIELDS = ("weighting", "erase", "add", "memory", "read")
