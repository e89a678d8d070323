"""Reference engine: the time loop over the steps of a cell."""

import torch
from jaxtyping import Float
from torch import Tensor

from ..cells.base import Cell, State
from ..cells.trace import Trace
from .base import Engine


class Reference(Engine):
    """Runs every cell: in one call where the cell has `sequence`, else step by step."""

    name = "reference"

    def knows(self, cell: Cell) -> None:
        return None

    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> None:
        return None

    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """As `Engine.sequence`."""
        if cell.has_sequence:
            return cell.sequence(x, state)
        x = cell.check(x, state)
        state = cell.initial_state(len(x)) if state is None else state
        outputs = []
        for x_t in x.unbind(1):
            output, state = cell(x_t, state)
            outputs.append(output)
        return torch.stack(outputs, 1), state

    def trace(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State, Trace]:
        """As `sequence`, step by step, with the trace of all steps."""
        x = cell.check(x, state)
        state = cell.initial_state(len(x)) if state is None else state
        outputs, traces = [], []
        for x_t in x.unbind(1):
            output, state, shown = cell.trace(x_t, state)
            outputs.append(output)
            traces.append(Trace.of(shown))
        return torch.stack(outputs, 1), state, Trace.over_time(traces)
