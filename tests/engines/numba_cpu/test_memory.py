"""Content addressing, reading and writing, forward and backward: against `src.memory` and its gradients."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu import memory as routines
from src.memory import access, addressing
from tests.engines.numba_cpu.from_python import all_of

fused = all_of(routines)

#: What values and gradients may be off by, of numbers about 1.
TOLERANCES = {np.float64: (1e-12, 1e-10), np.float32: (2e-5, 2e-4)}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCES)
each_slots = pytest.mark.parametrize("slots", [1, 3, 8, 127])
each_words = pytest.mark.parametrize("words", [1, 3, 5, 20])


def drawn(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).numpy().astype(dtype)


def focused(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).softmax(-1).numpy().astype(dtype)


def leaf(array):
    """An array in float64, as the only sequence of a batch and with a gradient."""
    return torch.from_numpy(array.astype(np.float64))[None].requires_grad_()


def near(got, expected, tolerance):
    """Equal up to rounding; where numbers are large, of the largest."""
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    assert got.shape == expected.shape
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * size)


@each_dtype
@each_slots
@each_words
def test_sums(words, slots, dtype, rng):
    """The four loops over a memory add to what they are given."""
    value, _ = TOLERANCES[dtype]
    memory, key, w = drawn(rng, dtype, words, slots), drawn(rng, dtype, words), drawn(rng, dtype, slots)
    for function, first, expected in (
        (fused.along_words, key, key @ memory),
        (fused.along_slots, w, memory @ w),
    ):
        out = drawn(rng, dtype, *expected.shape)
        before = out.copy()
        function(memory, first, out)
        near(out, before + expected, 4 * value)
    before = memory.copy()
    fused.spread(key, w, memory)
    near(memory, before + np.outer(key, w), value)
    assert fused.dot(w, w) == pytest.approx(float(w @ w), rel=value)


def measured(memory, keys):
    """Products of keys with all words, two at a time, and one over the words' lengths."""
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
    """Lengths, of slots and of keys, are at least EPS."""
    memory, keys = drawn(rng, dtype, words, slots), drawn(rng, dtype, 2, words)
    memory[:, 0] = 0.0
    dots, norms = measured(memory, keys)
    near(dots, keys.astype(np.float64) @ memory, 4 * TOLERANCES[dtype][0])
    expected = np.maximum(np.linalg.norm(memory.astype(np.float64), axis=0), addressing.EPS)
    np.testing.assert_allclose(norms, 1 / expected, rtol=TOLERANCES[dtype][0])
    for n in range(min(slots, 4)):
        word = np.ascontiguousarray(memory[:, n])
        assert fused.length(word) == pytest.approx(expected[n], rel=TOLERANCES[dtype][0])


@each_dtype
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 23, 127])
def test_softmax_and_largest(count, dtype, rng):
    for size in (1.0, 30.0, 1e4):
        z = size * drawn(rng, dtype, count)
        for n in range(count):  # every place can be the largest
            turned = np.roll(z, n)
            assert fused.largest(turned) == turned.max()
        expected = torch.from_numpy(z.astype(np.float64)).softmax(0)
        fused.softmax(z)
        near(z, expected, TOLERANCES[dtype][0])


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("count", [1, 7, 8, 19])
def test_softmax_of_what_is_not_finite_is_nan_everywhere(count, bad, dtype):
    for n in range(count):
        z = np.zeros(count, dtype)
        z[n] = bad
        fused.softmax(z)
        assert np.isnan(z).all()


#: Changes to a memory [M, N], keys [H, M] and strengths [H].
CONTENTS = {
    "usual": lambda memory, keys, betas: (memory, keys, betas),
    "empty memory": lambda memory, keys, betas: (0 * memory, keys, betas),
    "empty key": lambda memory, keys, betas: (memory, 0 * keys, betas),
    "nothing at all": lambda memory, keys, betas: (0 * memory, 0 * keys, betas),
    "an empty slot": lambda memory, keys, betas: (
        np.where(np.arange(memory.shape[1]) == 0, 0, memory),
        keys,
        betas,
    ),
    "shorter than EPS": lambda memory, keys, betas: (1e-10 * memory, 1e-10 * keys, betas),
    "long": lambda memory, keys, betas: (1e3 * memory, 1e3 * keys, betas),
    "no strength": lambda memory, keys, betas: (memory, keys, 0 * betas),
    "much strength": lambda memory, keys, betas: (memory, keys, 20 * betas),
}


@each_dtype
@each_slots
@each_words
@pytest.mark.parametrize("case", CONTENTS)
def test_content(case, words, slots, dtype, rng):
    """Four heads on one memory: what pulls a slot along its own word is gathered first, and then spread."""
    heads, (value, slope) = 4, TOLERANCES[dtype]
    betas = 0.5 + 2 * torch.rand(heads, generator=rng).numpy()
    given = CONTENTS[case](drawn(rng, dtype, words, slots), drawn(rng, dtype, heads, words), betas)
    memory, keys, betas = (np.ascontiguousarray(one, dtype) for one in given)
    leaves = leaf(memory.T), leaf(keys), leaf(betas)
    expected = addressing.content(*leaves)
    dw = drawn(rng, dtype, heads, slots)
    dmemory, dkeys, dbetas = torch.autograd.grad(expected, leaves, torch.from_numpy(dw[None]).double())

    pull = np.zeros(slots, dtype)
    found_dmemory, found_dkeys = drawn(rng, dtype, words, slots), drawn(rng, dtype, heads, words)
    before = found_dmemory.copy(), found_dkeys.copy()
    unchanged = memory.copy(), keys.copy()
    cosines, norms = measured(memory, keys)
    for h in range(heads):
        w = np.full(slots, np.nan, dtype)
        fused.content(norms, keys[h], betas[h], cosines[h], w)
        near(w, expected[0, h], value * max(1, betas[h]))
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
    # Along a short word a gradient is as large as 1 / EPS.
    key_sizes = np.linalg.norm(keys.astype(np.float64), axis=1, keepdims=True).clip(addressing.EPS, 1)
    near((found_dkeys - before[1]) * key_sizes, dkeys[0].numpy() * key_sizes, slope)
    slot_sizes = (1 / norms.astype(np.float64)).clip(addressing.EPS, 1)
    near((found_dmemory - before[0]) * slot_sizes, dmemory[0].numpy().T * slot_sizes, slope)
    assert (memory == unchanged[0]).all()
    assert (keys == unchanged[1]).all()


@each_dtype
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_content_of_what_is_not_finite(bad, dtype):
    """It leaves no weighting that looks sound."""
    for place in ("key", "memory", "beta"):
        memory, keys, beta = np.ones((5, 9), dtype), np.ones((2, 5), dtype), np.ones(1, dtype)
        {"key": keys[0], "memory": memory[:, 4], "beta": beta}[place][-1] = bad
        (cosine, _), norms = measured(memory, keys)
        w = np.zeros(9, dtype)
        fused.content(norms, keys[0], beta[0], cosine, w)
        assert np.isnan(w).all()


#: Changes to a memory [M, N], weightings [W, N] and what is erased [W, M].
WRITES = {
    "usual": lambda memory, w, erase: (memory, w, erase),
    "empty memory": lambda memory, w, erase: (0 * memory, w, erase),
    "wholly erased": lambda memory, w, erase: (memory, np.eye(*w.shape, dtype=w.dtype), 0 * erase + 1),
    "by all heads at one place": lambda memory, w, erase: (memory, np.eye(*w.shape)[[0] * len(w)], 0 * erase + 1),
    "nothing erased": lambda memory, w, erase: (memory, w, 0 * erase),
    "nowhere": lambda memory, w, erase: (memory, 0 * w, erase),
}


@each_dtype
@each_slots
@each_words
@pytest.mark.parametrize("heads", [1, 2, 3])
@pytest.mark.parametrize("case", WRITES)
def test_write(case, heads, words, slots, dtype, rng):
    value, slope = TOLERANCES[dtype]
    erase = torch.rand(heads, words, generator=rng).numpy()
    given = WRITES[case](drawn(rng, dtype, words, slots), focused(rng, dtype, heads, slots), erase)
    memory, w, erase = (np.ascontiguousarray(one, dtype) for one in given)
    add = drawn(rng, dtype, heads, words)
    leaves = leaf(memory.T), leaf(w), leaf(erase), leaf(add)
    expected = access.erase_and_add(*leaves)
    after, keep = memory.copy(), np.full(slots, np.nan, dtype)
    fused.write(after, w, erase, add, keep)
    near(after, expected[0].T, value)

    dmemory = drawn(rng, dtype, words, slots)
    answers = torch.autograd.grad(expected, leaves, torch.from_numpy(dmemory.T[None]).double())
    dw = drawn(rng, dtype, heads, slots)
    before, unchanged = dw.copy(), memory.copy()
    derase, dadd = np.full((heads, words), np.nan, dtype), np.full((heads, words), np.nan, dtype)
    fused.write_backward(memory, w, erase, add, dmemory, dw, derase, dadd, keep)
    near(dmemory, answers[0][0].T, slope)
    near(dw, before + answers[1][0].numpy(), slope)
    near(derase, answers[2][0], slope)
    near(dadd, answers[3][0], slope)
    assert (memory == unchanged).all()


@each_dtype
@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("place", range(4))
def test_writing_what_is_not_finite(place, heads, dtype):
    parts = [np.ones(shape, dtype) for shape in ((5, 9), (heads, 9), (heads, 5), (heads, 5))]
    parts[place][-1, -1] = np.nan
    fused.write(*parts, np.empty(9, dtype))
    assert np.isnan(parts[0][-1, -1])


@each_slots
@each_words
def test_read(words, slots, rng):
    """A read is `along_slots`; its backward are `along_words` and `spread`."""
    memory, w = drawn(rng, np.float64, words, slots), focused(rng, np.float64, 1, slots)
    leaves = leaf(memory.T), leaf(w)
    expected = access.read(*leaves)
    out, dout = np.zeros(words), drawn(rng, np.float64, words)
    fused.along_slots(memory, w[0], out)
    near(out, expected[0, 0], 1e-12)
    dmemory, dw = torch.autograd.grad(expected, leaves, torch.from_numpy(dout[None, None]))
    found_dmemory, found_dw = np.zeros((words, slots)), np.zeros(slots)
    fused.along_words(memory, dout, found_dw)
    fused.spread(dout, w[0], found_dmemory)
    near(found_dw, dw[0, 0], 1e-12)
    near(found_dmemory, dmemory[0].T, 1e-12)
