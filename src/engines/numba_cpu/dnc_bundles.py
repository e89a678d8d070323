"""Arguments of the kernels of a DNC: the memory part of one step, for all sequences of a batch.

The names are those of `src.cells.dnc`. A name that begins with d is a gradient.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64


class DNCPlan(NamedTuple):
    """Sizes of a DNC, and where parts of the interface begin among the raw numbers, after the keys."""

    slots: int  # N
    words: int  # M
    reads: int  # R
    add: int
    beta: int
    erase: int
    free: int
    allocation: int  # gate, followed by the write gate
    modes: int


class Memory(NamedTuple):
    """The state without that of the controller, or gradients of it."""

    memory: Float[np.ndarray, "B N M"]
    usage: Float[np.ndarray, "B N"]
    precedence: Float[np.ndarray, "B N"]
    links: Float[np.ndarray, "B N N"]
    w_write: Float[np.ndarray, "B N"]
    w_read: Float[np.ndarray, "B R N"]
    reads: Float[np.ndarray, "B R M"]


class StepTape(NamedTuple):
    """What the forward of a step stores for its backward."""

    raw: Float[np.ndarray, "B P"]
    by_content: Float[np.ndarray, "B H N"]  # content weightings; the write head is the last
    linked: Float[np.ndarray, "B R 2 N"]  # backward and forward weightings
    order: Int64[np.ndarray, "B N"]  # slots in ascending usage
