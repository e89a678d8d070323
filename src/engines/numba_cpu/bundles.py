"""Bundles of arrays that the kernels take, each with its shape; a kernel is compiled for what is annotated here.

Letters beside those of `src`: G gates' sums and P raw numbers of all heads, both as wide as vectors want it (see
`plan.padded`); U what the gates of a step see: [h C, reads RM, input F, 1].
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Constants(NamedTuple):
    """Real numbers of a machine; a kind of heads leaves at zero what it has no use for."""

    clip: float  # bound on the raw numbers; infinity for none
    sigma_min: float
    jump_range: float
    sigma_bias: Float[np.ndarray, "K"]  # what a width's raw number is counted from


def constants(
    dtype: np.dtype,
    clip: float,
    sigma_min: float = 0.0,
    jump_range: float = 0.0,
    sigma_bias: Sequence[float] = (0.0,),  # never empty: a kernel's array has a first element
) -> Constants:
    """Constants in a dtype."""
    number = dtype.type
    return Constants(number(clip), number(sigma_min), number(jump_range), np.array(sigma_bias, dtype))


class Weights(NamedTuple):
    """Weights, or their gradients. The backward takes those of gates and heads transposed."""

    gates: Float[np.ndarray, "U G"]  # without the rows of h for a feedforward controller; biases in the last row
    heads: Float[np.ndarray, "C P"]
    bias: Float[np.ndarray, "P"]


class Tape(NamedTuple):
    """What the forward leaves for the backward; what is carried has an entry before the first step."""

    u: Float[np.ndarray, "T+1 B U"]  # [0]: h and reads are given; [T]: input and one stay as they are
    gates: Float[np.ndarray, "T B G"]  # the gates' values
    c: Float[np.ndarray, "T+1 B C"]  # the LSTM's cells; [0] is given
    raw: Float[np.ndarray, "T B P"]  # what the heads get
    w: Float[np.ndarray, "T+1 B H N"]  # weightings; [0] is given
    place: Float[np.ndarray, "T+1 B H"]  # positions; [0] is given
    by_content: Float[np.ndarray, "T B H 2 N"]  # cosines and weightings by content; a single step: nothing is kept
    norms: Float[np.ndarray, "T B N"]  # one over the length of each word; as `found`
    checkpoints: Float[
        np.ndarray, "T/SEGMENT B M N"
    ]  # the memory before every SEGMENT-th step; none: nothing is kept


class CarryGradients(NamedTuple):
    """Gradients of what is carried: come in as those after the last step, leave as those before the first."""

    u: Float[np.ndarray, "B C+RM"]  # of h and reads; comes in with anything, as they are among the outputs
    c: Float[np.ndarray, "B C"]
    w: Float[np.ndarray, "B H N"]
    place: Float[np.ndarray, "B H"]
    memory: Float[np.ndarray, "B M N"]


class Gradients(NamedTuple):
    """Gradients of all that goes in and out of a sequence."""

    y: Float[np.ndarray, "T B C+RM"]  # of the outputs: h and reads
    x: Float[np.ndarray, "B T F"]  # of the inputs, is set; no row: not wanted
    carry: CarryGradients
    weights: Weights  # are added to


class StepTape(NamedTuple):
    """What a tape holds of the heads of one sequence at one step."""

    raw: Float[np.ndarray, "P"]
    w_before: Float[np.ndarray, "H N"]
    w: Float[np.ndarray, "H N"]
    place_before: Float[np.ndarray, "H"]
    place: Float[np.ndarray, "H"]
    by_content: Float[np.ndarray, "H 2 N"]
    norms: Float[np.ndarray, "N"]


class StepGradients(NamedTuple):
    """Gradients of one sequence at one step: `raw` is set, what is carried turns from after to before."""

    raw: Float[np.ndarray, "P"]
    w: Float[np.ndarray, "H N"]
    place: Float[np.ndarray, "H"]
    memory: Float[np.ndarray, "M N"]
    reads: Float[np.ndarray, "RM"]  # is given


class Head(NamedTuple):
    """One head of one sequence at one step, or its gradients."""

    raw: Float[np.ndarray, "P_1"]  # its own raw numbers
    w_content: Float[np.ndarray, "N"]
    before: Float[np.ndarray, "N"]
    place: float  # before
    w: Float[np.ndarray, "N"]


class HeadScratch(NamedTuple):
    """Scratch buffers for the addressing of one head."""

    w_gated: Float[np.ndarray, "N"]
    doubled: Float[np.ndarray, "2*N"]
    moved: Float[np.ndarray, "N"]
    taps: Float[np.ndarray, "S"]  # of a kernel; as many as slots, or shifts
    kernels: Float[np.ndarray, "K N"]
    step: Float[np.ndarray, "3"]
    sigma: Float[np.ndarray, "K"]
    mixture: Float[np.ndarray, "K"]


class Replay(NamedTuple):
    """Scratch buffers of the backward, for the rows of one thread."""

    memory: Float[np.ndarray, "rows SEGMENT+1 M N"]  # from one that was kept to the next
    dh: Float[np.ndarray, "rows C_padded"]
    dh_before: Float[np.ndarray, "rows C"]
    dnext: Float[np.ndarray, "rows C+RM"]  # gradient of u[t + 1] but for y's
    dsum: Float[np.ndarray, "rows U_padded"]  # gradient of u[t], but for what goes past the gates
    # Of the steps between two memories that were kept, the factors of the gradients of the weights.
    u: Float[np.ndarray, "SEGMENT*rows U"]
    dgates: Float[np.ndarray, "SEGMENT*rows G"]
    h: Float[np.ndarray, "SEGMENT*rows C"]
    draw: Float[np.ndarray, "SEGMENT*rows P"]


class SequenceScratch(NamedTuple):
    """Scratch buffers for the heads of one sequence; with `d`, those of gradients."""

    scratch: HeadScratch
    d: HeadScratch
    keep: Float[np.ndarray, "N"]
    pull: Float[np.ndarray, "N"]
    erase: Float[np.ndarray, "W M"]
    add: Float[np.ndarray, "W M"]
    derase: Float[np.ndarray, "W M"]
    dadd: Float[np.ndarray, "W M"]
    dw: Float[np.ndarray, "H N"]
    dby_content: Float[np.ndarray, "H N"]
