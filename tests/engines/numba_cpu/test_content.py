"""Content-based addressing, forward and backward: against `src.memory.addressing` and its gradients."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu import content as routines
from src.memory import addressing
from tests.engines.numba_cpu.from_python import all_of
from tests.engines.numba_cpu.memory_cases import (
    TOLERANCES,
    drawn,
    each_dtype,
    each_slots,
    each_words,
    leaf,
    near,
    wide,
)

fused = all_of(routines)


def measured(memory, keys):
    """Dot products of keys with all words of a padded memory, two at a time, and inverse norms of the words."""
    dots, norms = (
        np.full((len(keys), memory.shape[1]), np.nan, memory.dtype),
        np.empty(memory.shape[1], memory.dtype),
    )
    for h in range(0, len(keys), 2):
        norms[:] = np.nan
        fused.measure(memory, keys[h], keys[h + 1], dots[h], dots[h + 1], norms)
    return dots, norms


@each_dtype
@each_slots
@each_words
def test_measure(words, slots, dtype, rng):
    """Norms of slots and keys are at least EPS."""
    memory, keys = drawn(rng, dtype, words, slots), drawn(rng, dtype, 2, words)
    memory[:, 0] = 0.0
    dots, norms = measured(wide(memory), keys)
    assert not dots[:, slots:].any()
    dots, norms = dots[:, :slots], norms[:slots]
    near(dots, keys.astype(np.float64) @ memory, 4 * TOLERANCES[dtype][0])
    expected = np.maximum(np.linalg.norm(memory.astype(np.float64), axis=0), addressing.EPS)
    np.testing.assert_allclose(norms, 1 / expected, rtol=TOLERANCES[dtype][0])
    for n in range(min(slots, 4)):
        word = np.ascontiguousarray(memory[:, n])
        assert fused.length(word) == pytest.approx(expected[n], rel=TOLERANCES[dtype][0])


#: Changes to a memory [M, N], keys [H, M] and strengths [H].
CONTENTS = {
    "usual": lambda memory, keys, betas: (memory, keys, betas),
    "empty memory": lambda memory, keys, betas: (0 * memory, keys, betas),
    "empty key": lambda memory, keys, betas: (memory, 0 * keys, betas),
    "empty memory and key": lambda memory, keys, betas: (0 * memory, 0 * keys, betas),
    "an empty slot": lambda memory, keys, betas: (
        np.where(np.arange(memory.shape[1]) == 0, 0, memory),
        keys,
        betas,
    ),
    "norms below EPS": lambda memory, keys, betas: (1e-10 * memory, 1e-10 * keys, betas),
    "large norms": lambda memory, keys, betas: (1e3 * memory, 1e3 * keys, betas),
    "no strength": lambda memory, keys, betas: (memory, keys, 0 * betas),
    "large strength": lambda memory, keys, betas: (memory, keys, 20 * betas),
}


@each_dtype
@each_slots
@each_words
@pytest.mark.parametrize("case", CONTENTS)
def test_content(case, words, slots, dtype, rng):
    """Four heads on one memory; `pull` is accumulated over the heads."""
    heads, (value, slope) = 4, TOLERANCES[dtype]
    betas = 0.5 + 2 * torch.rand(heads, generator=rng).numpy()
    given = CONTENTS[case](drawn(rng, dtype, words, slots), drawn(rng, dtype, heads, words), betas)
    memory, keys, betas = (np.ascontiguousarray(one, dtype) for one in given)
    leaves = leaf(memory.T), leaf(keys), leaf(betas)
    expected = addressing.content(*leaves)
    dw = drawn(rng, dtype, heads, slots)
    dmemory, dkeys, dbetas = torch.autograd.grad(expected, leaves, torch.from_numpy(dw[None]).double())

    memory, dw = wide(memory), wide(dw, rest=1e3)  # behind a gradient there may be any numbers
    pull = np.zeros(memory.shape[1], dtype)
    found_dmemory, found_dkeys = wide(drawn(rng, dtype, words, slots)), drawn(rng, dtype, heads, words)
    before = found_dmemory.copy(), found_dkeys.copy()
    unchanged = memory.copy(), keys.copy()
    cosines, norms = measured(memory, keys)
    for h in range(heads):
        w = np.full(memory.shape[1], np.nan, dtype)
        fused.content(norms, keys[h], betas[h], cosines[h], w, slots)
        near(w[:slots], expected[0, h], value * max(1, betas[h]))
        assert not w[slots:].any()
        kept = w.copy()
        dbeta = fused.content_backward(norms, keys[h], betas[h], cosines[h], w, dw[h], found_dkeys[h], pull)
        near(np.array(dbeta), dbetas[0, h], slope)
        assert (w == kept).all()
    for h in range(0, heads, 2):
        fused.measure_backward(
            memory,
            norms,
            *keys[h : h + 2],
            *dw[h : h + 2],
            pull,
            *found_dkeys[h : h + 2],
            found_dmemory,
        )
        pull[:] = 0
    # Gradients of words with a small norm are as large as 1 / EPS.
    key_sizes = np.linalg.norm(keys.astype(np.float64), axis=1, keepdims=True).clip(addressing.EPS, 1)
    near((found_dkeys - before[1]) * key_sizes, dkeys[0].numpy() * key_sizes, slope)
    slot_sizes = (1 / norms[:slots].astype(np.float64)).clip(addressing.EPS, 1)
    found_dmemory -= before[0]
    assert not found_dmemory[:, slots:].any()
    near(found_dmemory[:, :slots] * slot_sizes, dmemory[0].numpy().T * slot_sizes, slope)
    assert (memory == unchanged[0]).all()
    assert (keys == unchanged[1]).all()


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_content_of_non_finite_values(bad, dtype):
    """The weighting is NaN everywhere."""
    for place in ("key", "memory", "beta"):
        memory, keys, beta = np.ones((5, 9), dtype), np.ones((2, 5), dtype), np.ones(1, dtype)
        {"key": keys[0], "memory": memory[:, 4], "beta": beta}[place][-1] = bad
        (cosine, _), norms = measured(wide(memory), keys)
        w = np.zeros(len(norms), dtype)
        fused.content(norms, keys[0], beta[0], cosine, w, 9)
        assert np.isnan(w[:9]).all()
