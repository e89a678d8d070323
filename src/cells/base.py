"""The base class of cells."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from . import boundary
from .trace import Trace

#: A NamedTuple of tensors or of nested states; the first dimension of each tensor is the batch.
State = Any
#: Values of the option `engine`; `src.engines.choose` selects the engine.
ENGINE_CHOICES = ("auto", "fused", "reference")


class Cell(nn.Module, ABC):
    """One time step, (input, state) -> (output, state).

    The state is a value: it is passed in and returned, and the cell stores none of it. A cell is called like
    `torch.nn.LSTMCell`: `cell(x, state)` does one step, and `cell(x)` one from the initial state. A whole sequence
    is run by `Recurrent`, in compiled kernels where it can.

    A subclass sets the attributes, and has `initial_state` and `step`; the other methods have defaults.

    Attributes:
        input_size: features of an input, F.
        output_size: features of an output, O.
    """

    input_size: int
    output_size: int
    #: File names of the figures that explain this class of cell, whatever its weights; see `src.run`.
    drawings: ClassVar[tuple[str, ...]] = ()
    #: Names of further figures of a trace, besides its heads and memory; see `src.callbacks.trace_figures`.
    pictures: ClassVar[tuple[str, ...]] = ()

    @property
    def needs_input_length(self) -> bool:
        """Whether it is told how many steps come before the answer: an oracle, see `initial_state`."""
        return False

    @property
    def longest_sequence(self) -> int | None:
        """Steps of the longest sequence that it can take; None without a limit."""
        return None

    @property
    def head_names(self) -> list[str]:
        """Names of the heads, in the order of the head dimension of weightings; empty without heads."""
        return names_of_heads(getattr(self, "read_heads", 0), getattr(self, "write_heads", 0))

    def state_size_after(self, steps: int) -> int:
        """Size of the state of one sequence after some steps, in numbers; a memory may grow by a row a step."""
        return state_size(self.initial_state(1))

    @property
    def has_sequence(self) -> bool:
        """Whether `sequence` can replace a loop over `step`."""
        return False

    def forward(self, x: Float[Tensor, "B F"], state: State | None = None) -> tuple[Float[Tensor, "B O"], State]:
        """One time step; without a state, from the initial state.

        Raises:
            ValueError: an input of another shape, such as a whole sequence.
        """
        if x.shape[1:] != (self.input_size,):
            raise ValueError(
                f"x is {list(x.shape)}: must be [batch, {self.input_size}], one step; "
                "Recurrent(cell, output_size) takes whole sequences"
            )
        return self.step(x, self.initial_state(len(x)) if state is None else state)

    def check(self, x: Tensor, state: State | None) -> Tensor:
        """Refuse an input x[B, T, F] or a state that does not fit this cell, before anything is computed.

        Without a state, the initial state is meant, which always fits.

        Returns the input, see `boundary.check`.

        Raises:
            ValueError: a wrong shape or structure, or an empty batch or sequence.
            TypeError: a dtype or device other than that of the weights.
        """
        shapes = None if state is None else self._state_shapes(state)
        return boundary.check(x, state, self.input_size, shapes, self.any_weight)

    @property
    def any_weight(self) -> Tensor | None:
        """One of the weights, to read their common dtype and device; None if the cell has no weights."""
        return next(self.parameters(), None)

    def _state_shapes(self, state: State) -> boundary.Shapes:
        """The shapes that this state should have, without the batch."""
        return boundary.shapes(self.initial_state(1))

    @abstractmethod
    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> State:
        """The state before the first step; `memory_slots` sets the size of the external memory, if any."""

    @abstractmethod
    def step(self, x: Float[Tensor, "B F"], state: State) -> tuple[Float[Tensor, "B O"], State]:
        """One time step."""

    def at_progress(self, done: float) -> None:
        """Called before every update of a training with the share of it that is done, 0 to 1; for schedules."""

    def sequence(self, x: Float[Tensor, "B T F"], state: State | None) -> tuple[Float[Tensor, "B T O"], State]:
        """All steps in one call, where `has_sequence`; equals T calls of `step` up to rounding.

        Without a state, the initial state is used.
        """
        raise TypeError(f"{type(self).__name__} has no sequence, only steps")

    def trace(self, x: Float[Tensor, "B F"], state: State) -> tuple[Float[Tensor, "B O"], State, Trace]:
        """One time step and its trace, which is empty for a cell without heads.

        A subclass may return a plain mapping of tensors [B, ...] as the trace.
        """
        output, state = self.step(x, state)
        return output, state, Trace()


def names_of_heads(read_heads: int, write_heads: int) -> list[str]:
    """Names of the heads of a machine, read heads first.

    >>> names_of_heads(1, 2)
    ['read head', 'write head 1', 'write head 2']
    """
    kinds = {"read": read_heads, "write": write_heads}
    return [
        f"{kind} head {i + 1}" if count > 1 else f"{kind} head"
        for kind, count in kinds.items()
        for i in range(count)
    ]


def full_precision(like: Tensor) -> AbstractContextManager[Any]:
    """A context without autocast: operations keep the dtype of their operands."""
    return torch.autocast(like.device.type, enabled=False) if boundary.autocasts(like) else nullcontext()


def state_size(state: State) -> int:
    """Size of the state of one sequence: the number of elements of its tensors, without the batch."""
    if isinstance(state, Tensor):
        return state[0].numel()
    return sum(state_size(part) for part in state)
