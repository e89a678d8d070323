"""Temporal links of the DNC: in which order the slots were written.

Graves et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538, 2016,
Methods, "Temporal memory linkage"; the symbols are those of the paper. L(i, j) is the degree to which slot i was
written right after slot j.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def precedence(p: Float[Tensor, "B N"], w_write: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Precedence, to which degree each slot was written last: p = (1 - sum_i w(i)) p_before + w."""
    return torch.addcmul(w_write, 1.0 - w_write.sum(1, keepdim=True), p)


def links(
    before: Float[Tensor, "B N N"], w_write: Float[Tensor, "B N"], p: Float[Tensor, "B N"]
) -> Float[Tensor, "B N N"]:
    """Links: L(i, j) = (1 - w(i) - w(j)) L_before(i, j) + w(i) p(j), with the precedence of the step before.

    The diagonal is zero: no slot follows itself. The sum of each row and each column is at most 1.
    """
    w_i, w_j = w_write.unsqueeze(2), w_write.unsqueeze(1)
    updated = torch.addcmul((1.0 - w_i - w_j) * before, w_i, p.unsqueeze(1))
    itself = torch.eye(updated.shape[1], dtype=torch.bool, device=updated.device)
    return updated.masked_fill(itself, 0.0)


def forward(links: Float[Tensor, "B N N"], w_read: Float[Tensor, "B R N"]) -> Float[Tensor, "B R N"]:
    """Forward weighting, the slots written after those that a head read last: f = L w."""
    return torch.matmul(w_read, links.transpose(1, 2))


def backward(links: Float[Tensor, "B N N"], w_read: Float[Tensor, "B R N"]) -> Float[Tensor, "B R N"]:
    """Backward weighting, the slots written before those that a head read last: b = L^T w."""
    return torch.matmul(w_read, links)


def read_weighting(
    b: Float[Tensor, "B R N"], c: Float[Tensor, "B R N"], f: Float[Tensor, "B R N"], modes: Float[Tensor, "B R 3"]
) -> Float[Tensor, "B R N"]:
    """Read weighting: w = pi(1) b + pi(2) c + pi(3) f; the modes pi are backward, content and forward."""
    pi_b, pi_c, pi_f = modes.split(1, 2)
    return torch.addcmul(torch.addcmul(pi_b * b, pi_c, c), pi_f, f)
