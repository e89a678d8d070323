"""Arguments of the kernels of a GRU as NamedTuples of arrays; the annotations are the types they are compiled for.

The K = 3 C numbers are in the order of torch: reset, update, candidate. A name that begins with d is a gradient.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Layer(NamedTuple):
    """Intermediate values; index 0 of T+1 is before the first step."""

    by_input: Float[np.ndarray, "T B K"]  # what the inputs add to the gates; an input
    gates: Float[np.ndarray, "T B 4*C"]  # activations, in the order of `controllers`
    h: Float[np.ndarray, "T+1 B C"]  # [0] is an input


class LayerGradients(NamedTuple):
    """Gradients of a layer."""

    y: Float[np.ndarray, "T B C"]  # of the outputs; an input
    by_input: Float[np.ndarray, "T B K"]  # set
    h: Float[np.ndarray, "B C"]  # overwritten: of h after the last step, then of that before the first
    weights: Float[np.ndarray, "C K_padded"]  # accumulated
    bias: Float[np.ndarray, "K_padded"]  # accumulated
