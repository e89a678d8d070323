"""NamedTuples of arrays that the kernels take as arguments; the annotations are the types they are compiled for.

Dimensions beside those named in `src`: N is the number of slots, G that of gate pre-activations, and P that of the
raw numbers of all heads, all padded (see `plan.padded`); U is the size of the gates' input:
[h C, reads RM, input F, 1]. Behind the slots, a memory, its gradient and a weighting have zeros, and other arrays
any numbers.
A name that begins with d is a gradient: draw is that of raw.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Constants(NamedTuple):
    """Real-valued options of a machine; zero where a kind of head has no such option."""

    clip: float  # bound on the raw numbers; infinity for no bound
    sigma_min: float
    sigma_max: Float[np.ndarray, "H"]  # of the widths of a head; 0: no upper bound
    sigma_factor: Float[np.ndarray, "H"]  # of the widths of a head
    lattice: Float[np.ndarray, "H"]  # of a head
    jump_range: float
    sigma_bias: Float[np.ndarray, "H K"]  # added to the raw numbers of the widths


@lru_cache
def constants(
    dtype: np.dtype,
    clip: float,
    sigma_min: float = 0.0,
    sigma_max: tuple[float, ...] = (0.0,),
    sigma_factor: tuple[float, ...] = (1.0,),
    lattice: tuple[float, ...] = (0.0,),
    jump_range: float = 0.0,
    sigma_bias: tuple[tuple[float, ...], ...] = ((0.0,),),
) -> Constants:
    """`Constants` of a dtype, whose arrays must not be changed."""
    number = dtype.type
    return Constants(
        number(clip),
        number(sigma_min),
        np.array(sigma_max, dtype),
        np.array(sigma_factor, dtype),
        np.array(lattice, dtype),
        number(jump_range),
        np.array(sigma_bias, dtype),
    )


class Weights(NamedTuple):
    """Weights, or their gradients. The backward kernel takes the weights of gates and heads transposed."""

    gates: Float[np.ndarray, "U G"]  # without the rows of h for a feedforward controller; biases in the last row
    heads: Float[np.ndarray, "C P"]
    bias: Float[np.ndarray, "P"]


class Tape(NamedTuple):
    """Intermediate values that the forward stores for the backward; index 0 of T+1 is before the first step."""

    u: Float[np.ndarray, "T+1 B U"]  # [0]: h and reads are inputs; [T]: the last F+1 columns are not used
    gates: Float[np.ndarray, "T B G"]  # activations of the gates
    c: Float[np.ndarray, "T+1 B C"]  # cell states of an LSTM; [0] is an input
    raw: Float[np.ndarray, "T B P"]  # raw numbers of the heads
    w: Float[np.ndarray, "T+1 B H N"]  # weightings; [0] is an input
    place: Float[np.ndarray, "T+1 B H"]  # positions; [0] is an input
    bookmark: Float[
        np.ndarray, "T+1 B H N"
    ]  # bookmarks that are weightings; [0] is an input; N = 0: there are none
    bookmark_place: Float[np.ndarray, "T+1 B H"]  # bookmarks that are positions; [0] is an input
    skip: Float[np.ndarray, "T B H S"]  # what the inputs add to the displacement of a head; an input
    by_content: Float[np.ndarray, "T B H 2 N"]  # cosines and content weightings; T = 1: not stored
    norms: Float[np.ndarray, "T B N"]  # inverse norm of each word; T = 1: not stored
    checkpoints: Float[np.ndarray, "T/SEGMENT B M N"]  # memory before every SEGMENT-th step; empty: not stored


class CarryGradients(NamedTuple):
    """Gradients of the state, overwritten: those after the last step become those before the first."""

    u: Float[np.ndarray, "B C+RM"]  # of h and reads; output only, since h and reads are part of y
    c: Float[np.ndarray, "B C"]
    w: Float[np.ndarray, "B H N"]
    place: Float[np.ndarray, "B H"]
    bookmark: Float[np.ndarray, "B H N"]
    bookmark_place: Float[np.ndarray, "B H"]
    memory: Float[np.ndarray, "B M N"]


class Gradients(NamedTuple):
    """Gradients of all inputs and outputs of a sequence."""

    y: Float[np.ndarray, "T B C+RM"]  # of the outputs h and reads; an input
    x: Float[np.ndarray, "B T F"]  # of the inputs, set; B = 0: not computed
    skip: Float[np.ndarray, "T B H S"]  # set
    carry: CarryGradients
    weights: Weights  # accumulated


class StepTape(NamedTuple):
    """The part of a tape for the heads of one sequence at one step."""

    raw: Float[np.ndarray, "P"]
    w_before: Float[np.ndarray, "H N"]
    w: Float[np.ndarray, "H N"]
    place_before: Float[np.ndarray, "H"]
    place: Float[np.ndarray, "H"]
    bookmark_before: Float[np.ndarray, "H N"]
    bookmark: Float[np.ndarray, "H N"]
    bookmark_place_before: Float[np.ndarray, "H"]
    bookmark_place: Float[np.ndarray, "H"]
    skip: Float[np.ndarray, "H S"]
    by_content: Float[np.ndarray, "H 2 N"]
    norms: Float[np.ndarray, "N"]


class StepGradients(NamedTuple):
    """Gradients of one sequence at one step: sets raw and skip; those of the state go from after to before it."""

    raw: Float[np.ndarray, "P"]
    w: Float[np.ndarray, "H N"]
    place: Float[np.ndarray, "H"]
    bookmark: Float[np.ndarray, "H N"]
    bookmark_place: Float[np.ndarray, "H"]
    skip: Float[np.ndarray, "H S"]
    memory: Float[np.ndarray, "M N"]
    reads: Float[np.ndarray, "RM"]  # an input


class Head(NamedTuple):
    """One head of one sequence at one step, or its gradients."""

    number: int  # of the head
    raw: Float[np.ndarray, "P_1"]  # raw numbers of this head
    skip: Float[np.ndarray, "S"]
    w_content: Float[np.ndarray, "N"]
    before: Float[np.ndarray, "N"]
    place: float  # before the step; its gradient: after it
    bookmark_before: Float[np.ndarray, "N"]
    bookmark_place: float  # as place
    w: Float[np.ndarray, "N"]
    bookmark: Float[np.ndarray, "N"]  # its gradient is overwritten with that of bookmark_before


class HeadScratch(NamedTuple):
    """Scratch buffers of the addressing of one head."""

    origin: Float[np.ndarray, "N"]
    anchor: Float[np.ndarray, "3"]
    w_gated: Float[np.ndarray, "N"]
    doubled: Float[np.ndarray, "D"]  # D = slots + N, see `addressing.repeat_twice`
    moved: Float[np.ndarray, "N"]
    taps: Float[np.ndarray, "S"]  # of a convolution kernel; S = max(N, number of shifts)
    kernels: Float[np.ndarray, "K N"]
    step: Float[np.ndarray, "3"]
    sigma: Float[np.ndarray, "K"]
    mixture: Float[np.ndarray, "K"]


class Replay(NamedTuple):
    """Scratch buffers of the backward kernel, for the rows of one call."""

    memory: Float[np.ndarray, "rows SEGMENT+1 M N"]  # from one checkpoint to the next
    dh: Float[np.ndarray, "rows C_padded"]
    dh_before: Float[np.ndarray, "rows C"]
    dnext: Float[np.ndarray, "rows C+RM"]  # gradient of u[t + 1] without that of y
    dsum: Float[np.ndarray, "rows U_padded"]  # gradient of u[t] through the gates
    # Factors of the gradients of the weights, for the steps between two checkpoints.
    u: Float[np.ndarray, "SEGMENT*rows U"]
    dgates: Float[np.ndarray, "SEGMENT*rows G"]
    h: Float[np.ndarray, "SEGMENT*rows C"]
    draw: Float[np.ndarray, "SEGMENT*rows P"]


class SequenceScratch(NamedTuple):
    """Scratch buffers of the heads of one sequence."""

    head: HeadScratch
    dhead: HeadScratch  # for gradients
    pull: Float[np.ndarray, "N"]
    erase: Float[np.ndarray, "W M"]
    add: Float[np.ndarray, "W M"]
    derase: Float[np.ndarray, "W M"]
    dadd: Float[np.ndarray, "W M"]
    dw: Float[np.ndarray, "H N"]
    dby_content: Float[np.ndarray, "H N"]
