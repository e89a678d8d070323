"""A cell over time, by whatever engine runs it, and a linear readout."""

from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.cells.base import Cell, State, state_size
from src.cells.trace import Trace
from src.common import checks
from src.engines import choose


class Recurrent(nn.Module):
    """Runs a cell over a sequence and reads its outputs out linearly.

    T steps in one call equal t steps, the state handed over, and T - t steps.

    Args:
        cell: one time step, or all of them in one call where it can.
        output_size: O.
        engine: auto, fused or reference, see `src.engines.choose`; None for the `engine` of the cell, which may be
            set anew at any time.

    Raises:
        checks.Refusal: an unknown engine, or the fused one for a cell that it does not know.
    """

    def __init__(self, cell: Cell, output_size: int, engine: str | None = None) -> None:
        super().__init__()
        self.cell = cell
        self.asked_engine = engine
        choose.check(cell, self.engine_choice)
        self.readout = nn.Linear(cell.output_size, output_size)

    @property
    def state_size(self) -> int:
        """Numbers that one sequence carries from step to step."""
        return state_size(self.cell.initial_state(1))

    @property
    def engine_choice(self) -> str | None:
        """The engine asked for; None where nothing was."""
        return self.asked_engine or getattr(self.cell, "engine", None)

    @property
    def engine(self) -> str | None:
        """What runs the memory, fused or reference; None where no engine was asked for."""
        choice = self.engine_choice
        if choice is None or choice == "reference":
            return choice
        return "reference" if choose.unknown(self.cell) else "fused"

    def prepared(self) -> AbstractContextManager[None]:
        """A context for many sequences: what can be prepared for them is, before they come."""
        return choose.engine_for(self.cell, self.engine_choice).prepared(self.cell)

    @property
    def memory_slots(self) -> int | None:
        """Slots of the external memory; None where there is none."""
        return getattr(self.cell, "memory_slots", None)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> State:
        """The state before the first step, with a memory of another size where one is asked for.

        Raises:
            checks.Refusal: a batch without a sequence, or a memory without a slot.
        """
        checks.integer("batch_size", batch_size)
        return self.cell.initial_state(batch_size, memory_slots)

    def forward(self, x: Float[Tensor, "B T F"], state: State = None) -> tuple[Float[Tensor, "B T O"], State]:
        """The outputs of all steps and the state after the last; `state` is the one before the first.

        Raises:
            ValueError, TypeError: an input or a state that does not fit, see `Cell.check`.
        """
        cell = self.cell
        y, state = choose.engine_for(cell, self.engine_choice).sequence(cell, x, state)
        if y.is_contiguous():
            return self.readout(y), state
        # Time first is how it lies in memory, so that nothing is copied.
        return self.readout(y.transpose(0, 1)).transpose(0, 1), state

    @torch.no_grad()
    def trace(self, x: Float[Tensor, "B T F"], state: State = None) -> tuple[Float[Tensor, "B T O"], State, Trace]:
        """As `forward` by the reference, and what the cell shows of every step, over time."""
        y, state, seen = choose.REFERENCE.trace(self.cell, x, state)
        return self.readout(y), state, seen
