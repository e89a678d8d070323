"""Parallel scan: all steps of a linear recurrence h_t = a_t h_(t-1) + b_t, without a loop over time."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def linear_recurrence(
    a: Float[Tensor, "B T C"], b: Float[Tensor, "B T C"], h_before: Float[Tensor, "B C"]
) -> Float[Tensor, "B T C"]:
    """All h_t = a_t h_(t-1) + b_t, elementwise, with h_before as the first h_(t-1).

    Two steps in a row are one step with a = a_2 a_1 and b = a_2 b_1 + b_2. The scan joins neighbours until one
    step is left, then fills in those between: about 2 T operations in 2 log2 T rounds. For 0 <= a <= 1 nothing can
    overflow, and a product that becomes 0 in the computer does so in the loop, too.
    """
    first = torch.addcmul(b[:, :1], a[:, :1], h_before.unsqueeze(1))
    h: Float[Tensor, "B T C"] = _Scan.apply(a, torch.cat([first, b[:, 1:]], 1))
    return h


class _Scan(torch.autograd.Function):
    """The recurrence from h = 0; its gradient is the same recurrence backwards in time."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        h = _joined(a, b)
        ctx.save_for_backward(a, h)
        return h

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (grad,) = grads
        a, h = ctx.saved_tensors
        # db_t = dh_t + a_(t+1) db_(t+1); the first factor is not used, as in the forward pass.
        later = torch.cat([a[:, :1], a[:, 1:].flip(1)], 1)
        grad_b = _Scan.apply(later, grad.flip(1)).flip(1)
        before = torch.cat([torch.zeros_like(h[:, :1]), h[:, :-1]], 1)
        return grad_b * before, grad_b


def _joined(a: Tensor, b: Tensor) -> Tensor:
    """The recurrence from h = 0 over [B, T, C]; a_0 is not used."""
    steps = a.shape[1]
    if steps == 1:
        return b.clone()
    a_odd, even = a[:, 1::2], slice(0, steps - 1, 2)
    h_odd = _joined(a_odd * a[:, even], torch.addcmul(b[:, 1::2], a_odd, b[:, even]))
    h = torch.empty_like(b)
    h[:, 0], h[:, 1::2] = b[:, 0], h_odd
    h[:, 2::2] = torch.addcmul(b[:, 2::2], a[:, 2::2], h_odd[:, : (steps - 1) // 2])
    return h
