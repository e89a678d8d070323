"""Pointers into a memory with physical addresses, as codes of bits, and attention over the addresses.

Equations of Le et al., "Plug, Play, and Generalize: Length Extrapolation with Pointer-Augmented Neural Memory",
arXiv:2404.11870. A pointer p is an address, or a mixture of addresses; it says nothing of what is stored there.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def address_bank(bits: int) -> Float[Tensor, "addresses bits"]:
    """The codes of all addresses, 0 to 2^bits - 1: their bits, as -1 and 1, lowest first.

    >>> address_bank(2)
    tensor([[-1., -1.],
            [ 1., -1.],
            [-1.,  1.],
            [ 1.,  1.]])
    """
    address = torch.arange(2**bits).unsqueeze(1)
    return 2.0 * (address >> torch.arange(bits)).bitwise_and(1) - 1.0


def consecutive(
    bank: Float[Tensor, "addresses bits"], first: Float[Tensor, "B bits"], items: int
) -> Float[Tensor, "B n bits"]:
    """The codes of consecutive addresses, from the first of each sequence; after the last one of the bank, 0."""
    places = 2 ** torch.arange(bank.shape[1], device=first.device)
    start = ((first > 0) * places).sum(1)
    return bank[(start.unsqueeze(1) + torch.arange(items, device=start.device)) % len(bank)]


def anchored(
    pointer: Float[Tensor, "B P bits"], addresses: Float[Tensor, "B n bits"], anchor: Float[Tensor, "B P 3"]
) -> Float[Tensor, "B P bits"]:
    """Where a pointer starts from: its previous place, the first address and the last one, mixed."""
    stay, first, last = anchor.unsqueeze(3).unbind(2)
    return stay * pointer + first * addresses[:, :1] + last * addresses[:, -1:]


def pointer_unit(
    pointer: Float[Tensor, "B P bits"],
    hidden: Float[Tensor, "B P U"],
    weight_p: Float[Tensor, "P bits 3*U"],
    weight_h: Float[Tensor, "P U 3*U"],
    bias_p: Float[Tensor, "P 1 3*U"],
    bias_h: Float[Tensor, "P 1 3*U"],
) -> Float[Tensor, "B P U"]:
    """One step of a GRU per pointer, over the pointer alone, with the equations of `torch.nn.GRUCell`."""
    r_p, z_p, n_p = torch.baddbmm(bias_p, pointer.transpose(0, 1), weight_p).chunk(3, 2)
    r_h, z_h, n_h = torch.baddbmm(bias_h, hidden.transpose(0, 1), weight_h).chunk(3, 2)
    n = (n_p + (r_p + r_h).sigmoid() * n_h).tanh()
    return torch.lerp(n, hidden.transpose(0, 1), (z_p + z_h).sigmoid()).transpose(0, 1)


def attend(query: Float[Tensor, "B P K"], keys: Float[Tensor, "B n K"]) -> Float[Tensor, "B P n"]:
    """Attention by dot products: softmax_i(query . key_i)."""
    return torch.softmax(torch.bmm(query, keys.transpose(1, 2)), dim=-1)
