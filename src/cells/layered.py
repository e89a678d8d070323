"""Base class of the cells that are a stack of torch's recurrent layers."""

from torch import Tensor, nn

from . import boundary
from .base import Cell


class Layered(Cell):
    """A stack of recurrent layers of `torch.nn`, run in one call or step by step.

    Attributes:
        layers: torch's module with all layers.
    """

    layers: nn.RNNBase

    @property
    def has_sequence(self) -> bool:
        """Whether torch may run all steps in one call.

        That call skips hooks of this cell and parametrisations, and not every transform of torch.func can take it.
        """
        return not boundary.is_altered(self) and not self._parametrised and not boundary.transformed()

    @property
    def _parametrised(self) -> bool:
        return "parametrizations" in self.layers._modules

    @property
    def _hooked(self) -> bool:
        """Whether a single step must call the layers as a module, so that their hooks (and pruning) run."""
        return boundary.is_altered(self.layers) and not self._parametrised

    @property
    def any_weight(self) -> Tensor:
        weight: Tensor = self.layers.weight_ih_l0  # type: ignore[assignment]
        return weight
