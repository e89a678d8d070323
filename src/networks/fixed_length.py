"""Base class of networks over sequences of one fixed length: one answer, no state."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..cells import boundary
from ..cells.trace import Trace
from ..common import checks


class FixedLength(nn.Module, ABC):
    """Reads sequences of one fixed length and answers once, after the last step.

    Args:
        steps: T of every sequence; None for a changing length, which is refused.
        input_size: features of a step, F.

    Raises:
        checks.Refusal: sequences of changing length.
    """

    #: Name of the configuration file.
    name: ClassVar[str]
    state_size = 0
    head_names: ClassVar[list[str]] = []
    engine: str | None = None
    memory_slots: int | None = None

    def __init__(self, steps: int | None, input_size: int) -> None:
        super().__init__()
        if steps is None:
            raise checks.Refusal(
                f"name={self.name!r}: reads sequences of one length and answers once, but this task's length "
                "changes and it answers at every step; must be one that goes step by step, such as lstm or ntm"
            )
        self.steps, self.input_size = steps, input_size

    def state_size_after(self, steps: int) -> int:
        """0: there is no state."""
        return 0

    @abstractmethod
    def answer(self, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B O"]:
        """The answer to each sequence."""

    def forward(
        self, x: Float[Tensor, "B T F"], state: tuple[()] | None = None
    ) -> tuple[Float[Tensor, "B 1 O"], tuple[()]]:
        """The answer, as a sequence of one step; `state` is empty and ignored.

        Raises:
            ValueError, TypeError: an input of another shape, dtype or device, see `boundary.check`.
        """
        x = boundary.check(x, (), self.input_size, (), next(self.parameters()))
        if x.shape[1] != self.steps:
            raise ValueError(f"x has {x.shape[1]} steps: must have {self.steps}")
        return self.answer(x).unsqueeze(1), ()

    @torch.no_grad()
    def trace(self, x: Float[Tensor, "B T F"]) -> tuple[Float[Tensor, "B 1 O"], tuple[()], Trace]:
        """As `forward`, without gradients and with an empty trace."""
        return *self(x), Trace()
