"""A cell over time: the only time loop of the project."""

from contextlib import AbstractContextManager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from src.cells.base import Cell, State, state_size
from src.common import checks


class Recurrent(nn.Module):
    """Runs a cell over a sequence and reads its outputs out linearly.

    T steps in one call equal t steps, the state handed over, and T - t steps.

    Args:
        cell: one time step, or all of them in one call where it can.
        output_size: O.
    """

    def __init__(self, cell: Cell, output_size: int) -> None:
        super().__init__()
        self.cell = cell
        self.readout = nn.Linear(cell.output_size, output_size)

    @property
    def state_size(self) -> int:
        """Numbers that one sequence carries from step to step."""
        return state_size(self.cell.initial_state(1))

    @property
    def engine(self) -> str | None:
        """What runs the memory; None where there is none."""
        return getattr(self.cell, "engine", None)

    def at_work(self) -> AbstractContextManager[None]:
        """A context for many sequences: what can be prepared for them is, before they come."""
        return self.cell.at_work()

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
        if self.cell.has_sequence:
            whole, state = self.cell.sequence(x, state)
            # Time first is how it lies in memory, so that nothing is copied.
            return self.readout(whole.transpose(0, 1)).transpose(0, 1), state
        x = self.cell.check(x, state)
        state = self.cell.initial_state(len(x)) if state is None else state
        outputs = []
        for x_t in x.unbind(1):
            output, state = self.cell(x_t, state)
            outputs.append(output)
        return self.readout(torch.stack(outputs, 1)), state

    @torch.no_grad()
    def trace(
        self, x: Float[Tensor, "B T F"], state: State = None
    ) -> tuple[Float[Tensor, "B T O"], State, dict[str, Tensor]]:
        """As `forward`, and what the cell shows of every step, by name: `weighting` [B, T, H, N] and more."""
        x = self.cell.check(x, state)
        state = self.cell.initial_state(len(x)) if state is None else state
        outputs, traces = [], []
        for x_t in x.unbind(1):
            output, state, seen = self.cell.trace(x_t, state)
            outputs.append(output)
            traces.append(seen)
        seen_over_time = {name: torch.stack([seen[name] for seen in traces], 1) for name in traces[0]}
        return self.readout(torch.stack(outputs, 1)), state, seen_over_time
