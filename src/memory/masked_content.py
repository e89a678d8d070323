"""Content-based addressing by some elements of the words alone.

Csordas and Schmidhuber, "Improving Differentiable Neural Computers through memory masking, de-allocation, and link
distribution sharpness control", arXiv:1904.10278, section 3.1.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .addressing import EPS


def masked_content(
    memory: Float[Tensor, "B N M"],
    key: Float[Tensor, "B H M"],
    beta: Float[Tensor, "B H"],
    mask: Float[Tensor, "B H M"],
) -> Float[Tensor, "B H N"]:
    """softmax_i(beta cos(m k, m M(i))), with a mask m of each head; its elements are from 0 to 1.

    A mask of ones gives `addressing.content`. The cosine of a slot of zeros is 0.
    """
    squared = mask.square()
    dot = torch.matmul(key * squared, memory.transpose(1, 2))
    key_norm = torch.linalg.vector_norm(key * mask, dim=2, keepdim=True).clamp_min(EPS)
    # Clamped before the root, whose slope at 0 is infinite.
    slot_norm = torch.matmul(squared, memory.square().transpose(1, 2)).clamp_min(EPS * EPS).sqrt()
    return torch.softmax(beta.unsqueeze(2) * dot / (key_norm * slot_norm), dim=-1)
