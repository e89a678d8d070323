"""Memory access of a head by its weighting: read, erase and add (arXiv:1410.5401, sections 3.1 and 3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor


def read(memory: Float[Tensor, "B N M"], w: Float[Tensor, "B R N"]) -> Float[Tensor, "B R M"]:
    """Weighted read, equation (2): r = sum_i w(i) M(i)."""
    return torch.matmul(w, memory)


def erase_and_add(
    memory: Float[Tensor, "B N M"],
    w: Float[Tensor, "B W N"],
    erase: Float[Tensor, "B W M"],
    add: Float[Tensor, "B W M"],
) -> Float[Tensor, "B N M"]:
    """Weighted write, equations (3) and (4): M(i) prod_h (1 - w_h(i) e_h) + sum_h w_h(i) a_h.

    All heads erase before any head adds, so the order of the heads does not matter.
    """
    slots_by_heads = w.transpose(1, 2)
    if w.shape[1] == 1:  # with one head the product over heads has one factor
        erased = torch.addcmul(memory, memory, torch.bmm(slots_by_heads, erase), value=-1.0)
    else:
        erased = memory * (1.0 - w.unsqueeze(3) * erase.unsqueeze(2)).prod(dim=1)
    return torch.baddbmm(erased, slots_by_heads, add)
