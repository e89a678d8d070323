"""Input skip: what the input of a step adds to the displacement of heads, linearly and past the controller."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear


class InputSkip(nn.Module):
    """A linear map, without a bias, from the input to S numbers of some heads; the other heads get 0.

    Args:
        features: of an input, F.
        size: numbers of a head, S.
        heads: for each head, whether it has a skip; one of them at least.
        initial: for each head, the weight of the inputs that are numbers before training; other weights are 0.
        numbers: indices of these inputs.
    """

    def __init__(
        self, features: int, size: int, heads: Sequence[bool], initial: Sequence[float], numbers: Sequence[int]
    ) -> None:
        super().__init__()
        self.size, self.heads = size, list(heads)
        weight = torch.zeros(len(heads), size, features)
        weight[:, :, list(numbers)] = torch.tensor(initial)[:, None, None]
        self.weight = nn.Parameter(weight[self.heads].flatten(0, 1))

    def forward(self, x: Float[Tensor, "B *T F"]) -> Float[Tensor, "B *T H S"]:
        found = linear(x, self.weight).unflatten(-1, (-1, self.size))
        if all(self.heads):
            return found
        rows, none = iter(found.unbind(-2)), torch.zeros_like(found[..., 0, :])
        return torch.stack([next(rows) if has else none for has in self.heads], -2)
