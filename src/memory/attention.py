"""Attention of the steps of a sequence to those before: what they may see, and their weights."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def causal(past: int, steps: int, device: torch.device) -> Bool[Tensor, "T S"]:
    """Which of S = past + T steps each of the last T may attend to: itself and those before."""
    return torch.ones(steps, past + steps, dtype=torch.bool, device=device).tril(past)


def attention_weights(
    query: Float[Tensor, "B H T D"],
    key: Float[Tensor, "B H S D"],
    mask: Bool[Tensor, "T S"] | Float[Tensor, "H T S"],
) -> Float[Tensor, "B H T S"]:
    """Weights of scaled dot-product attention: softmax_j(q_i k_j / sqrt(D)), where the mask is true.

    Vaswani et al., "Attention Is All You Need", arXiv:1706.03762, equation (1). A mask of numbers is added to the
    scores. Each step must be allowed at least one.
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    allowed = scores.masked_fill(~mask, -math.inf) if mask.dtype is torch.bool else scores + mask
    return allowed.softmax(-1)
