"""Lie-access memory: addresses are points of R^d, and a head is moved by the group of shifts.

Equations of Yang and Rush, "Lie-Access Neural Turing Machines", arXiv:1611.02854. An item is a key k_i (a point),
a value v_i and a strength s_i; a head is at an address q. Shifts are a Lie group that acts on R^d: they have an
identity and inverses, so that a head can stand still, and go back the way that it came.
"""

import torch
from jaxtyping import Float
from torch import Tensor

#: Added to squared distances, so that a head on an item divides by no zero: a thousandth of a shift, squared.
EPS = 1e-6
#: Added to strengths: where all are 0, the items are weighted by distance alone.
LEAST_STRENGTH = 1e-9
#: Added to temperatures.
LEAST_TEMPERATURE = 1e-4


def bounded(action: Float[Tensor, "B H d"]) -> Float[Tensor, "B H d"]:
    """A shift of length below 1 in the same direction: ``a / sqrt(1 + |a|^2)``."""
    return action * (1.0 + action.square().sum(2, keepdim=True)).rsqrt()


def move(
    before: Float[Tensor, "B H d"],
    proposed: Float[Tensor, "B H d"],
    gate: Float[Tensor, "B H"],
    action: Float[Tensor, "B H d"],
) -> Float[Tensor, "B H d"]:
    """The next address of a head: action . (gate proposed + (1 - gate) before), where a shift acts by addition."""
    return torch.lerp(before, proposed, gate.unsqueeze(2)) + action


def squared_distance(address: Float[Tensor, "B R d"], keys: Float[Tensor, "B n d"]) -> Float[Tensor, "B R n"]:
    """Squared distance ``|q - k_i|^2`` of each head and item."""
    return (address.unsqueeze(2) - keys.unsqueeze(1)).square().sum(3)


def inverse_square(distance: Float[Tensor, "B R n"], strength: Float[Tensor, "B n"]) -> Float[Tensor, "B R n"]:
    """Weighting with a heavy tail: w_i proportional to ``s_i / |q - k_i|^2``, for squared distances."""
    return torch.softmax((strength + LEAST_STRENGTH).log().unsqueeze(1) - (distance + EPS).log(), dim=-1)


def gaussian(
    distance: Float[Tensor, "B R n"], strength: Float[Tensor, "B n"], temperature: Float[Tensor, "B R"]
) -> Float[Tensor, "B R n"]:
    """Softmax weighting: w_i proportional to ``s_i exp(-|q - k_i|^2 / temperature)``, for squared distances."""
    log_kernel = distance / (temperature + LEAST_TEMPERATURE).unsqueeze(2)
    return torch.softmax((strength + LEAST_STRENGTH).log().unsqueeze(1) - log_kernel, dim=-1)
