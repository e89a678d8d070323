"""Random memories, keys and weightings, and comparison with torch."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu.plan import padded

#: Tolerances of values and gradients for numbers of about 1.
TOLERANCES = {np.float64: (1e-12, 1e-10), np.float32: (2e-5, 2e-4)}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCES)
each_slots = pytest.mark.parametrize("slots", [1, 3, 8, 127])
each_words = pytest.mark.parametrize("words", [1, 3, 5, 20])


def drawn(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).numpy().astype(dtype)


def focused(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).softmax(-1).numpy().astype(dtype)


def wide(array, rest=0.0):
    """An array whose last dimension is padded as those over the slots."""
    out = np.full((*array.shape[:-1], padded(array.shape[-1])), rest, array.dtype)
    out[..., : array.shape[-1]] = array
    return out


def leaf(array):
    """An array as a float64 tensor of batch size 1 that requires a gradient."""
    return torch.from_numpy(array.astype(np.float64))[None].requires_grad_()


def near(got, expected, tolerance):
    """Assert equality up to rounding, relative to the largest number if that is above 1."""
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    assert got.shape == expected.shape
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * size)
