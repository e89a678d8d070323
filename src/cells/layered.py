"""Base class of the cells that are a stack of torch's recurrent layers."""

from typing import ClassVar

from torch import Tensor, nn

from ..common import checks
from . import boundary
from .base import Cell


class Layered(Cell):
    """A stack of recurrent layers of `torch.nn`, run in one call or step by step.

    Args:
        input_size: features of an input, F.
        hidden_size: units of each layer, C; also the features of an output.
        num_layers: number of layers.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.

    Attributes:
        kind: torch's class of all layers.
        layers: torch's module with all layers.
    """

    kind: ClassVar[type[nn.GRU] | type[nn.LSTM]]

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.output_size = checks.integer("hidden_size", hidden_size)
        self.num_layers = checks.integer("num_layers", num_layers)
        self.layers = self.kind(input_size, hidden_size, num_layers, batch_first=True)

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
