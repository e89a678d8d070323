"""The interface of a DNC: the numbers with which its controller controls the memory.

Graves et al., Nature 538, 2016, Methods, "Interface parameters".
"""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus


class Interface(NamedTuple):
    """The interface of one step; the read heads come before the write head."""

    key: Float[Tensor, "B H M"]  # k
    beta: Float[Tensor, "B H"]  # key strengths, at least 1
    modes: Float[Tensor, "B R 3"]  # pi: backward, content and forward; they sum to one
    free: Float[Tensor, "B R"]  # free gates f
    allocation: Float[Tensor, "B 1"]  # allocation gate g_a
    write: Float[Tensor, "B 1"]  # write gate g_w
    erase: Float[Tensor, "B M"]  # e
    add: Float[Tensor, "B M"]  # write vector v
    mask: Float[Tensor, "B H M"] | None  # of the keys, with the option mask_keys
    sharpness: Float[Tensor, "B R 2"] | None  # of b and f, at least 1, with the option sharpen_links


class InterfaceLayout:
    """Where each number is among the raw numbers; numbers with the same squashing function are side by side.

    Args:
        read_heads: R.
        words: M.
        masked: whether each head has a mask.
        sharpened: whether the links are sharpened.
    """

    def __init__(self, read_heads: int, words: int, masked: bool, sharpened: bool) -> None:
        self.read_heads, self.words = read_heads, words
        self.masked, self.sharpened = masked, sharpened
        heads = read_heads + 1
        #: Key and write vector; those of at least one; gates and other shares; modes.
        self.vectors = [heads * words, words]
        self.strengths = [heads, 2 * read_heads * sharpened]
        self.gates = [words, read_heads, 1, 1, heads * words * masked]
        self.sizes = [*self.vectors, sum(self.strengths), sum(self.gates), 3 * read_heads]
        self.size = sum(self.sizes)

    def read(self, raw: Float[Tensor, "B P"]) -> Interface:
        """The interface from the raw numbers."""
        rows = len(raw)
        key, add, strengths, gates, modes = raw.split(self.sizes, 1)
        beta, sharpness = (1.0 + softplus(strengths)).split(self.strengths, 1)
        erase, free, allocation, write, mask = gates.sigmoid().split(self.gates, 1)
        return Interface(
            key=key.view(rows, -1, self.words),
            beta=beta,
            modes=modes.view(rows, -1, 3).softmax(2),
            free=free,
            allocation=allocation,
            write=write,
            erase=erase,
            add=add,
            mask=mask.view(rows, -1, self.words) if self.masked else None,
            sharpness=sharpness.view(rows, -1, 2) if self.sharpened else None,
        )
