"""State of a Neural Turing Machine, and its initial values."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from .base import State

MEMORY_INITS = ("constant", "learned", "random")
#: Initial value of a constant memory, after Collier and Beel, arXiv:1807.08518.
MEMORY_CONSTANT = 1e-6
#: Half-width of the uniform distribution of the initial values of a learned or random memory.
MEMORY_SPREAD = 0.1


class MachineState(NamedTuple):
    """State of a machine."""

    controller: State
    memory: Float[Tensor, "B N M"]
    heads: State  # of every head: its weighting, its position, or another state of its kind
    reads: Float[Tensor, "B R M"]


class Anchored(NamedTuple):
    """State of the heads of a DMS-NTM with motion = anchored: weightings, or positions with carry = position."""

    head: Float[Tensor, "B H *N"]
    bookmark: Float[Tensor, "B H *N"]


def initial_memory(init: str, slots: int, words: int) -> Float[Tensor, "N M"]:
    """The memory before the first step, for one of MEMORY_INITS."""
    checks.choice("memory_init", init, MEMORY_INITS)
    memory = torch.full((slots, words), MEMORY_CONSTANT)
    return memory if init == "constant" else memory.uniform_(-MEMORY_SPREAD, MEMORY_SPREAD)


def set_initial_memory(cell: nn.Module, init: str, slots: int, words: int) -> None:
    """Give a cell its `initial_memory`: a parameter if it is learned, else a buffer."""
    memory = initial_memory(init, slots, words)
    if init == "learned":
        cell.initial_memory = nn.Parameter(memory)
    else:
        cell.register_buffer("initial_memory", memory)


def with_slots(memory: Float[Tensor, "own M"], slots: int) -> Float[Tensor, "N M"]:
    """A memory of another number of slots; more slots than there are repeat its rows."""
    own = len(memory)
    return memory if slots == own else memory[torch.arange(slots, device=memory.device) % own]


def one_hot_at_zero(like: Tensor, batch_size: int, heads: int, slots: int) -> Float[Tensor, "B H N"]:
    """One-hot weightings on slot 0: uniform ones on a constant memory would never break the slots' symmetry."""
    w = like.new_zeros(batch_size, heads, slots)
    w[:, :, 0] = 1.0
    return w
