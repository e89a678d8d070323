"""Positions in attention: rotary position embedding and ALiBi."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

#: Base of the wavelengths of rotary positions, from 2 pi to 2 pi BASE steps.
BASE = 10000.0


def rotary_angles(position: Float[Tensor, " T"], size: int) -> Float[Tensor, "T half"]:
    """Angles of rotary positions: m theta_i with theta_i = 10000^(-2 i / D), i = 0 .. D/2 - 1.

    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", arXiv:2104.09864, equation (15).

    Args:
        position: m, in steps.
        size: D, features of a head, an even number.
    """
    exponent = torch.arange(0, size, 2, dtype=position.dtype, device=position.device) / size
    return torch.outer(position, BASE**-exponent)


def rotate(
    x: Float[Tensor, "B H T D"], cosine: Float[Tensor, "T half"], sine: Float[Tensor, "T half"]
) -> Float[Tensor, "B H T D"]:
    """Rotary position embedding, arXiv:2104.09864, equation (34): turns each pair (x_2i, x_2i+1) by its angle.

    The dot product of two vectors depends on the difference of their positions only.
    """
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([even * cosine - odd * sine, odd * cosine + even * sine], -1).flatten(-2)


def alibi_slopes(heads: int) -> list[float]:
    """Slopes of ALiBi: 2^(-8 h / H), h = 1 .. H, for a power of two.

    Press, Smith and Lewis, "Train Short, Test Long", arXiv:2108.12409, section 3. Other numbers of heads, as in
    the authors' code: the slopes of the next lower power of two, then every second slope of twice that power.

    >>> alibi_slopes(4), alibi_slopes(3)
    ([0.25, 0.0625, 0.015625, 0.00390625], [0.0625, 0.00390625, 0.25])
    """
    power = 1 << (heads.bit_length() - 1)
    slopes = [2.0 ** (-8.0 * h / power) for h in range(1, power + 1)]
    return slopes + [2.0 ** (-4.0 * h / power) for h in range(1, 2 * (heads - power), 2)]


def alibi(slopes: Float[Tensor, " H"], past: int, steps: int) -> Float[Tensor, "H T S"]:
    """What ALiBi adds to the scores: -slope (i - j) for step i and one before it, j; -inf for later ones.

    The rows are the last T of S = past + T steps.
    """
    j = torch.arange(past + steps, dtype=slopes.dtype, device=slopes.device)
    distance = j[past:, None] - j
    return (-slopes[:, None, None] * distance).masked_fill(distance < 0, -math.inf)
