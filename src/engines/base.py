"""What an engine is."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float
from torch import Tensor

from src.cells.base import Cell, State


class Engine(ABC):
    """Runs cells over whole sequences, with the results of their steps but for rounding.

    One serves all cells. It reads weights and options of a cell when it is called, and keeps nothing of them.
    """

    @abstractmethod
    def knows(self, cell: Cell) -> str | None:
        """Why it can run no cell of this kind on this computer; None if it can. Asked once, of a new network."""

    @abstractmethod
    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
        """Why it cannot run this cell as it is now; None if it can. Asked before every sequence.

        Args:
            device, dtype: of the weights.
        """

    def prepared(self, cell: Cell) -> AbstractContextManager[None]:
        """A context for many sequences: what can be prepared for them is, before they come."""
        return nullcontext()

    @abstractmethod
    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """All outputs, and the state after the last step; no state is the one before the first.

        Raises:
            ValueError, TypeError: an input or a state that does not fit, see `Cell.check`.
        """
