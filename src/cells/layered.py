"""What cells share whose layers are recurrent ones of torch."""

from torch import Tensor, nn

from src.cells import boundary
from src.cells.base import Cell


class Layered(Cell):
    """A stack of layers of `torch.nn`, in one call of the library or step by step with the weights of each.

    Attributes:
        layers: the stack.
    """

    layers: nn.RNNBase

    @property
    def has_sequence(self) -> bool:
        """Whether the library may run all steps: it calls no hooks of this cell, and no parametrisations."""
        return not boundary.is_altered(self) and not self._parametrised

    @property
    def _parametrised(self) -> bool:
        return "parametrizations" in self.layers._modules

    @property
    def _hooked(self) -> bool:
        """Whether a step, too, has to call the layers: with the call come their hooks, and so their pruning."""
        return boundary.is_altered(self.layers) and not self._parametrised

    @property
    def any_weight(self) -> Tensor:
        weight: Tensor = self.layers.weight_ih_l0  # type: ignore[assignment]
        return weight
