"""Addressing: weightings of the memory slots, one function per equation.

A weighting w[B, H, N] is non-negative and sums to one over the N memory slots, which lie on a ring.
Equation numbers are those of Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401.
"""

import torch
from jaxtyping import Float
from torch import Tensor

#: Lower bound that keeps norms off zero and logarithms off minus infinity.
EPS = 1e-8


def content(
    memory: Float[Tensor, "B N M"], key: Float[Tensor, "B H M"], beta: Float[Tensor, "B H"]
) -> Float[Tensor, "B H N"]:
    """Content-based addressing, equations (5) and (6): softmax_i(beta cos(k, M(i))).

    The cosine of a slot of zeros is 0.
    """
    dot = torch.matmul(key, memory.transpose(1, 2))
    key_norm = torch.linalg.vector_norm(key, dim=2).clamp_min(EPS)
    slot_norm = torch.linalg.vector_norm(memory, dim=2).clamp_min(EPS)
    scale = (beta / key_norm).unsqueeze(2) / slot_norm.unsqueeze(1)
    return torch.softmax(dot * scale, dim=-1)


def interpolate(
    w_content: Float[Tensor, "B H N"], w_before: Float[Tensor, "B H N"], gate: Float[Tensor, "B H"]
) -> Float[Tensor, "B H N"]:
    """Interpolation between content and location, equation (7): g w_c + (1 - g) w_before."""
    return torch.lerp(w_before, w_content, gate.unsqueeze(2))


def shift(w: Float[Tensor, "B H N"], s: Float[Tensor, "B H S"]) -> Float[Tensor, "B H N"]:
    """Shift by the integers -r..r, equation (8): w_s(i) = sum_j s(j) w(i - j mod N).

    `s` holds the probabilities of the shifts -r, ..., r in this order; S = 2 r + 1 may exceed N.
    """
    radius = s.shape[-1] // 2
    rolled = torch.stack([w.roll(j, -1) for j in range(-radius, radius + 1)], dim=2)
    return torch.matmul(s.unsqueeze(2), rolled).squeeze(2)


def convolve(w: Float[Tensor, "B H N"], s: Float[Tensor, "B H N"]) -> Float[Tensor, "B H N"]:
    """Shift by any distribution over the ring: w_s(i) = sum_j s(j) w(i - j mod N), j = 0..N-1.

    Equation (8) with a shift kernel as long as the memory, computed by FFT; slightly negative
    values from rounding are set to zero.
    """
    spectrum = torch.fft.rfft(w) * torch.fft.rfft(s)
    return torch.fft.irfft(spectrum, n=w.shape[-1]).clamp_min(0.0)


def sharpen(w: Float[Tensor, "B H N"], gamma: Float[Tensor, "B H"]) -> Float[Tensor, "B H N"]:
    """Sharpening, equation (9): w^gamma / sum w^gamma, as softmax(gamma log max(w, EPS))."""
    return torch.softmax(gamma.unsqueeze(2) * w.clamp_min(EPS).log(), dim=-1)


def ring_offset(position: Float[Tensor, "*any"], slots: int) -> Float[Tensor, "*any N"]:
    """Signed distance in slots from a position to every slot, the short way round: -N/2 <= d < N/2."""
    j = torch.arange(slots, dtype=position.dtype, device=position.device)
    return (j - position.unsqueeze(-1) + slots / 2).remainder(slots) - slots / 2


def gaussian(
    position: Float[Tensor, "B H"],
    sigma: Float[Tensor, "B H K"],
    mixture: Float[Tensor, "B H K"],
    slots: int,
) -> Float[Tensor, "B H N"]:
    """Gaussian weighting, a mixture of K widths: sum_k m_k softmax_j(-d(j, x)^2 / (2 sigma_k^2)).

    Args:
        position: x, in slots; any real number, taken modulo N.
        sigma: standard deviations in slots, positive.
        mixture: m, the weights of the K scales, summing to one.
        slots: N.
    """
    squared = ring_offset(position, slots).square().unsqueeze(2)
    return _mixed(torch.softmax(-squared / (2.0 * sigma.square().unsqueeze(3)), dim=-1), mixture)


def cauchy(
    position: Float[Tensor, "B H"],
    sigma: Float[Tensor, "B H K"],
    mixture: Float[Tensor, "B H K"],
    slots: int,
) -> Float[Tensor, "B H N"]:
    """Weighting with a heavy tail: sum_k m_k u_k / sum_j u_k(j), u_k(j) = 1 / (1 + d(j, x)^2 / sigma_k^2).

    Its gradient reaches distant slots also where it is narrow; the kernel of the Lie-Access NTM, arXiv:1611.02854.

    The arguments are those of `gaussian`.
    """
    squared = ring_offset(position, slots).square().unsqueeze(2)
    tail = 1.0 / (1.0 + squared / sigma.square().unsqueeze(3))
    return _mixed(tail / tail.sum(-1, keepdim=True), mixture)


#: Kernels of a focus by name.
KERNELS = {"gaussian": gaussian, "cauchy": cauchy}


def _mixed(kernels: Float[Tensor, "B H K N"], mixture: Float[Tensor, "B H K"]) -> Float[Tensor, "B H N"]:
    if kernels.shape[2] == 1:  # the weight of a single scale is 1
        return kernels.squeeze(2)
    return torch.einsum("bhk,bhkn->bhn", mixture, kernels)


def snap(position: Float[Tensor, "B H"], strength: float | Float[Tensor, "H"]) -> Float[Tensor, "B H"]:
    """A position pulled towards the nearest integer: x - strength sin(2 pi x) / (2 pi).

    With strength 1 the slope is 0 at the integers, so that small errors do not add up; 0 leaves x as it is.
    """
    return position - strength / (2 * torch.pi) * torch.sin(2 * torch.pi * position)


def step_or_jump(
    step: Float[Tensor, "B H 3"], jump: Float[Tensor, "B H"], kernel: Float[Tensor, "B H N"]
) -> Float[Tensor, "B H N"]:
    """Hybrid shift kernel over the whole ring: (1 - j) step + j kernel.

    `step` holds the probabilities of the shifts -1, 0, +1. The mixture is of weightings, not of positions: a
    mixture of positions would have no gradient across the gap of a jump.
    """
    slots = kernel.shape[-1]
    step_kernel = torch.zeros_like(kernel)
    shifts = torch.tensor([-1, 0, 1], device=kernel.device).remainder(slots)
    step_kernel = step_kernel.index_add(2, shifts, step)
    return torch.lerp(step_kernel, kernel, jump.unsqueeze(2))


def circular_mean(w: Float[Tensor, "*any N"]) -> Float[Tensor, "*any"]:
    """Circular mean of a weighting, in slots: the angle of its first moment, in [0, N)."""
    slots = w.shape[-1]
    angle = torch.arange(slots, dtype=w.dtype, device=w.device) * (2 * torch.pi / slots)
    mean = torch.atan2((w * angle.sin()).sum(-1), (w * angle.cos()).sum(-1))
    return on_ring(mean * (slots / (2 * torch.pi)), slots)


def on_ring(position: Float[Tensor, "*any"], slots: int) -> Float[Tensor, "*any"]:
    """A position on a ring, from 0 to below N."""
    return position.remainder(slots).remainder(slots)  # twice: the first rounds a value just below 0 to N


def circular_deviation(w: Float[Tensor, "*any N"]) -> Float[Tensor, "*any"]:
    """Circular standard deviation, in slots: the root mean square of the shortest distance to `circular_mean`.

    0 for a single slot; about N / sqrt(12) for a uniform weighting. The sum of a weighting, at most 1 in a DNC,
    does not matter.
    """
    offset = ring_offset(circular_mean(w), w.shape[-1])
    return ((w * offset.square()).sum(-1) / w.sum(-1).clamp_min(EPS)).sqrt()


def mean(w: Float[Tensor, "*any N"]) -> Float[Tensor, "*any"]:
    """Mean of a weighting over slots in a row, in slots."""
    return w @ torch.arange(w.shape[-1], dtype=w.dtype, device=w.device)


def deviation(w: Float[Tensor, "*any N"]) -> Float[Tensor, "*any"]:
    """Standard deviation of a weighting over slots in a row, in slots."""
    slot = torch.arange(w.shape[-1], dtype=w.dtype, device=w.device)
    return (w * (slot - mean(w).unsqueeze(-1)).square()).sum(-1).sqrt()
