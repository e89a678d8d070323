"""The protocol of a cell."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.cells import boundary
from src.cells.trace import Trace

#: A NamedTuple of tensors or of further states; each tensor has the batch as its first dimension.
State = Any


class Cell(nn.Module, ABC):
    """One time step, (input, state) -> (output, state).

    The state is a value: it is passed in and handed back, and nothing of it stays on the cell. As a module, a
    cell is called with an input and a state, and does one step.

    Attributes:
        input_size: features of an input, F.
        output_size: features of an output, O.
    """

    input_size: int
    output_size: int
    #: Figures that explain a kind of cell whatever it learned, by the names of their files; see `src.run`.
    drawings: ClassVar[tuple[str, ...]] = ()

    @property
    def has_sequence(self) -> bool:
        """Whether `sequence` may be used instead of a loop over `step`."""
        return False

    def forward(self, x: Float[Tensor, "B F"], state: State) -> tuple[Float[Tensor, "B O"], State]:
        return self.step(x, state)

    def check(self, x: Tensor, state: State | None) -> Tensor:
        """Refuse an input x[B, T, F] or a state that is not as this cell takes it, before anything is computed.

        No state is the one before the first step, which fits.

        Returns the input, see `boundary.check`.

        Raises:
            ValueError: another shape or structure, or no sequence or no step at all.
            TypeError: another dtype or device than that of the weights.
        """
        shapes = None if state is None else self._state_shapes(state)
        return boundary.check(x, state, self.input_size, shapes, self.any_weight)

    @property
    def any_weight(self) -> Tensor | None:
        """One of the weights, which all have one dtype and device; None if there is none."""
        return next(self.parameters(), None)

    def _state_shapes(self, state: State) -> boundary.Shapes:
        """The shapes of a state like this one, without the batch."""
        return boundary.shapes(self.initial_state(1))

    @abstractmethod
    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> State:
        """The state before the first step; `memory_slots` enlarges an external memory, if there is one."""

    @abstractmethod
    def step(self, x: Float[Tensor, "B F"], state: State) -> tuple[Float[Tensor, "B O"], State]:
        """One time step."""

    def sequence(self, x: Float[Tensor, "B T F"], state: State | None) -> tuple[Float[Tensor, "B T O"], State]:
        """All steps in one call, where the cell has one; equals calling `step` T times, but for rounding.

        No state is the one before the first step.
        """
        raise TypeError(f"{type(self).__name__} has no sequence, only steps")

    def trace(self, x: Float[Tensor, "B F"], state: State) -> tuple[Float[Tensor, "B O"], State, Trace]:
        """One time step that also shows what the heads did; empty where there are none.

        A cell may show tensors [B, ...] as a plain mapping, too.
        """
        output, state = self.step(x, state)
        return output, state, Trace()


def full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """Without autocast: within, what is computed keeps the dtype of its operands."""
    return torch.autocast(like.device.type, enabled=False) if boundary.autocasts(like) else nullcontext()


def state_size(state: State) -> int:
    """Numbers that one sequence carries from step to step: the tensors of a state, the batch left out."""
    if isinstance(state, Tensor):
        return state[0].numel()
    return sum(state_size(part) for part in state)
