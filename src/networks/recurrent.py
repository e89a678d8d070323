"""Recurrent network: a cell over time, run by an engine, and a linear readout."""

from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..cells.base import Cell, State
from ..cells.trace import Trace
from ..common import checks
from ..engines import choose


class Recurrent(nn.Module):
    """Runs a cell over a sequence, with a linear readout of its outputs.

    One call with T steps equals a call with t steps and another, from the state after them, with T - t steps.

    Args:
        cell: the cell.
        output_size: O.
        engine: auto, fused or reference, see `src.engines.choose`; None for the attribute `engine` of the cell,
            which may be changed at any time.

    Raises:
        checks.Refusal: an unknown engine, or fused for a cell that it does not support.
    """

    def __init__(self, cell: Cell, output_size: int, engine: str | None = None) -> None:
        super().__init__()
        self.cell = cell
        self._engine = engine
        choose.check(cell, self.engine_choice)
        self.readout = nn.Linear(cell.output_size, output_size)

    @property
    def state_size(self) -> int:
        """Size of the initial state of one sequence, in numbers."""
        return self.state_size_after(0)

    def state_size_after(self, steps: int) -> int:
        """Size of the state of one sequence after some steps, in numbers."""
        return self.cell.state_size_after(steps)

    @property
    def head_names(self) -> list[str]:
        """Names of the heads, in the order of weightings; empty without heads."""
        return self.cell.head_names

    @property
    def longest_sequence(self) -> int | None:
        """Steps of the longest sequence that the cell can take; None without a limit."""
        return self.cell.longest_sequence

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the cell's further figures of a trace."""
        return self.cell.pictures

    @property
    def needs_input_length(self) -> bool:
        """Whether the initial state needs the number of steps before the answer, see `Cell`."""
        return self.cell.needs_input_length

    @property
    def engine_choice(self) -> str | None:
        """The requested engine: auto, fused or reference; None if the network and the cell name none."""
        return self._engine or getattr(self.cell, "engine", None)

    @property
    def engine(self) -> str | None:
        """The name of the engine that runs the cell, such as fused or reference; None if none was requested."""
        choice = self.engine_choice
        return None if choice is None else choose.engine_for(self.cell, choice).name

    def prepared(self) -> AbstractContextManager[None]:
        """A context for many sequences, which the engine prepares for; see `Engine.prepared`."""
        return choose.engine_for(self.cell, self.engine_choice).prepared(self.cell)

    @property
    def memory_slots(self) -> int | None:
        """Slots of the external memory; None for a cell without one."""
        return getattr(self.cell, "memory_slots", None)

    def initial_state(
        self, batch_size: int, memory_slots: int | None = None, input_length: Tensor | None = None
    ) -> State:
        """The state before the first step.

        Args:
            batch_size: B.
            memory_slots: another size of the memory; None for the cell's own.
            input_length: steps before the answer, [B], for a cell that `needs_input_length`; others ignore it.

        Raises:
            checks.Refusal: a size that is not an integer of at least 1.
        """
        checks.integer("batch_size", batch_size)
        told = {"input_length": input_length} if self.needs_input_length else {}
        return self.cell.initial_state(batch_size, memory_slots, **told)

    def forward(self, x: Float[Tensor, "B T F"], state: State = None) -> tuple[Float[Tensor, "B T O"], State]:
        """The outputs of all steps and the state after the last; `state` is the one before the first step.

        Raises:
            ValueError, TypeError: an input or a state that does not fit, see `Cell.check`.
        """
        cell = self.cell
        y, state = choose.engine_for(cell, self.engine_choice).sequence(cell, x, state)
        if y.is_contiguous():
            return self.readout(y), state
        # The fused engine stores the steps as the first dimension: applied to that, the readout needs no copy.
        return self.readout(y.transpose(0, 1)).transpose(0, 1), state

    @torch.no_grad()
    def trace(self, x: Float[Tensor, "B T F"], state: State = None) -> tuple[Float[Tensor, "B T O"], State, Trace]:
        """As `forward`, with the reference engine and without gradients, and the trace of all steps."""
        y, state, seen = choose.REFERENCE.trace(self.cell, x, state)
        return self.readout(y), state, seen
