"""Dynamic memory allocation of the DNC: which slots are in use, and where to write next.

Graves et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538, 2016,
Methods, "Dynamic memory allocation"; the symbols are those of the paper.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def retention(free: Float[Tensor, "B R"], w_read: Float[Tensor, "B R N"]) -> Float[Tensor, "B N"]:
    """Retention vector: psi(i) = prod_r (1 - f_r w_r(i)), with the read weightings of the step before.

    A slot that a head has read and frees is not retained.
    """
    kept = 1.0 - free.unsqueeze(2) * w_read
    return kept.squeeze(1) if kept.shape[1] == 1 else kept.prod(1)


def usage(
    before: Float[Tensor, "B N"], w_write: Float[Tensor, "B N"], psi: Float[Tensor, "B N"]
) -> Float[Tensor, "B N"]:
    """Usage: u = (u_before + w - u_before w) psi, with the write weighting w of the step before; from 0 to 1."""
    return torch.addcmul(before + w_write, before, w_write, value=-1.0) * psi


def allocation(u: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Allocation weighting: a(phi(j)) = (1 - u(phi(j))) prod_{i<j} u(phi(i)), phi the slots in ascending usage.

    With P(j) = prod_{i<=j} u(phi(i)) and P before the first slot 1, this is P(j - 1) - P(j). Of slots used alike,
    the first comes first.
    """
    ascending, phi = u.sort(dim=1, stable=True)
    product = torch.nn.functional.pad(ascending.cumprod(1), (1, 0), value=1.0)
    return torch.zeros_like(u).scatter(1, phi, product[:, :-1] - product[:, 1:])


def write_weighting(
    w_content: Float[Tensor, "B N"],
    a: Float[Tensor, "B N"],
    allocation_gate: Float[Tensor, "B 1"],
    write_gate: Float[Tensor, "B 1"],
) -> Float[Tensor, "B N"]:
    """Write weighting: w = g_w (g_a a + (1 - g_a) c); its sum is at most 1."""
    return write_gate * torch.lerp(w_content, a, allocation_gate)
