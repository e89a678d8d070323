"""The base class of engines."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ..cells.base import Cell, State


class Engine(ABC):
    """Runs cells over whole sequences; results equal those of the cell's steps up to rounding.

    One engine serves all cells. Each call reads the weights and options of its cell, and nothing is stored.

    Attributes:
        name: in metrics.json and tables.
    """

    name: ClassVar[str]

    @abstractmethod
    def knows(self, cell: Cell) -> str | None:
        """The reason why this kind of cell cannot run on this computer; None if it can.

        Called once for a network.
        """

    @abstractmethod
    def covers(self, cell: Cell, device: torch.device, dtype: torch.dtype) -> str | None:
        """The reason why the cell cannot run in its present state; None if it can. Called before every sequence.

        Args:
            cell: the cell.
            device, dtype: of the weights.
        """

    def prepared(self, cell: Cell) -> AbstractContextManager[None]:
        """A context for many sequences: preparation, such as compilation, happens when it is entered."""
        return nullcontext()

    @abstractmethod
    def sequence(
        self, cell: Cell, x: Float[Tensor, "B T F"], state: State | None
    ) -> tuple[Float[Tensor, "B T O"], State]:
        """All outputs, and the state after the last step; without a state, the initial state is used.

        Raises:
            ValueError, TypeError: an input or a state that does not fit, see `Cell.check`.
        """
