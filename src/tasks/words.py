"""Words of random bits, and the names of their bits."""

import torch
from jaxtyping import Float
from torch import Tensor


def random_words(source: torch.Generator, *shape: int) -> Float[Tensor, "..."]:
    """Random bits of a shape, such as [B, L, width]; 0 and 1 have equal chances.

    >>> random_words(torch.Generator().manual_seed(0), 1, 2, 3)
    tensor([[[0., 1., 1.],
             [0., 1., 1.]]])
    """
    return torch.randint(0, 2, shape, generator=source).float()


def bit_names(width: int) -> list[str]:
    """Names of the bits of a word.

    >>> bit_names(3)
    ['1', '2', '3']
    """
    return [str(i + 1) for i in range(width)]
