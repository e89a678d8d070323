"""Repeat-copy sequences: layout against a naive loop, and the distribution of random draws."""

import pytest
import torch

from src.tasks.repeat_copy_sampler import build, normalise, sample
from src.tasks.streams import generator

WIDTH = 3


def naive(payload, length, repeats, repeat_range, steps):
    """Input, target and mask of one sequence, element by element."""
    least, most = repeat_range
    counts = range(least, most + 1)
    mean = sum(counts) / len(counts)
    deviation = (sum((c - mean) ** 2 for c in counts) / len(counts)) ** 0.5
    width = len(payload[0])
    x = [[0.0] * (width + 2) for _ in range(steps)]
    y = [[0.0] * (width + 1) for _ in range(steps)]
    mask = [0.0] * steps
    for t in range(length):
        x[t][:width] = payload[t]
    x[length][width] = 1.0
    x[length + 1][width + 1] = (repeats - mean) / (deviation if deviation > 0 else 1.0)
    t = length + 2
    for _ in range(repeats):
        for word in payload[:length]:
            y[t][:width] = word
            mask[t] = 1.0
            t += 1
    y[t][width] = mask[t] = 1.0
    return x, y, mask


def compare(batch, payload, repeat_range):
    steps = max(n + 2 + n * r + 1 for n, r in zip(batch.lengths.tolist(), batch.repeats.tolist(), strict=True))
    size, width = payload.shape[0], payload.shape[2]
    assert batch.x.shape == (size, steps, width + 2)
    assert batch.y.shape == (size, steps, width + 1)
    assert batch.mask.shape == (size, steps)
    for b in range(size):
        expected = naive(payload[b].tolist(), int(batch.lengths[b]), int(batch.repeats[b]), repeat_range, steps)
        for ours, theirs in zip((batch.x[b], batch.y[b], batch.mask[b]), expected, strict=True):
            torch.testing.assert_close(ours, torch.tensor(theirs))


@pytest.mark.parametrize(
    ("lengths", "repeats", "repeat_range"),
    [
        ([2, 5, 1, 4], [3, 1, 7, 2], (1, 7)),
        ([1], [1], (1, 1)),
        ([3, 3], [4, 4], (4, 4)),  # a single number of repeats has variance 0
        ([6, 2, 2], [20, 3, 1], (1, 10)),  # beyond the training range
    ],
)
def test_build(rng, lengths, repeats, repeat_range):
    payload = torch.randint(0, 2, (len(lengths), max(lengths), WIDTH), generator=rng).float()
    batch = build(payload, torch.tensor(lengths), torch.tensor(repeats), repeat_range)
    compare(batch, payload, repeat_range)
    assert batch.lengths.tolist() == lengths
    assert batch.repeats.tolist() == repeats


@pytest.mark.parametrize(("least", "most"), [(1, 10), (3, 4), (5, 17)])
def test_normalise_has_mean_0_and_deviation_1(least, most):
    values = normalise(torch.arange(least, most + 1), least, most).double()
    assert values.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert values.std(correction=0).item() == pytest.approx(1.0, abs=1e-6)


def test_normalise_beyond_the_range_and_of_a_single_value():
    assert normalise(torch.tensor([20]), 1, 10).item() == pytest.approx(5.048, abs=1e-3)
    assert normalise(torch.tensor([6, 9]), 6, 6).tolist() == [0.0, 3.0]


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize(("lengths", "repeats"), [((1, 5), (2, 4)), ((3, 3), (1, 6)), ((4, 4), (2, 2))])
def test_sample_returns_a_batch_as_build_does(lengths, repeats, ragged):
    for number in range(5):
        batch = sample(generator(0, number), 6, lengths, repeats, (1, 4), WIDTH, ragged)
        assert batch.x.shape[0] == 6
        payload = batch.x[:, : int(batch.lengths.max()), :WIDTH]  # what lies beyond a length is unknown
        compare(batch, payload, (1, 4))
        if not ragged:
            assert batch.lengths.unique().numel() == batch.repeats.unique().numel() == 1
            assert batch.mask.sum(1).unique().numel() == 1


@pytest.mark.parametrize("ragged", [True, False])
def test_lengths_and_repeats_are_uniform_and_independent(rng, ragged):
    if ragged:
        batch = sample(rng, 3000, (2, 5), (1, 3), (1, 3), 1, ragged)
        drawn = list(zip(batch.lengths.tolist(), batch.repeats.tolist(), strict=True))
    else:
        batches = [sample(rng, 2, (2, 5), (1, 3), (1, 3), 1, ragged) for _ in range(3000)]
        drawn = [(int(batch.lengths[0]), int(batch.repeats[0])) for batch in batches]
    shares = {pair: drawn.count(pair) / len(drawn) for pair in set(drawn)}
    assert shares.keys() == {(length, repeat) for length in (2, 3, 4, 5) for repeat in (1, 2, 3)}
    # Five standard errors of a share of 1/12.
    assert all(share == pytest.approx(1 / 12, abs=5 * (11 / 144 / 3000) ** 0.5) for share in shares.values())


def test_the_bits_are_fair_and_uncorrelated(rng):
    batch = sample(rng, 4000, (4, 4), (1, 1), (1, 1), WIDTH, True)
    bits = batch.x[:, :4, :WIDTH].reshape(4000, -1)
    assert bits.unique().tolist() == [0.0, 1.0]
    assert bits.mean(0).sub(0.5).abs().max() < 5 * 0.5 / 4000**0.5
    assert torch.corrcoef(bits.T).sub(torch.eye(12)).abs().max() < 5 / 4000**0.5


def test_payloads_of_a_uniform_batch_differ(rng):
    batch = sample(rng, 50, (8, 8), (1, 1), (1, 1), 8, False)
    assert batch.x.unique(dim=0).shape[0] == 50


def test_a_sample_depends_only_on_its_stream():
    def draw(*stream):
        return sample(generator(*stream), 8, (10, 10), (2, 2), (1, 3), 8, True).x

    global_state = torch.get_rng_state()
    assert torch.equal(draw(0, 1, 2), draw(0, 1, 2))
    assert torch.equal(torch.get_rng_state(), global_state)
    names = [(0, 1, 2), (0, 1, 3), (0, 2, 2), (1, 1, 2), (2, 1, 0), (0,), (1,), (12,), (0, 12)]
    batches = torch.stack([draw(*name) for name in names])
    assert batches.unique(dim=0).shape[0] == len(names)


def test_seed_0_is_a_seed():
    """It gives the same numbers at every call, and not those of an unseeded generator."""
    draw = torch.rand(9, generator=generator(0))
    assert torch.equal(draw, torch.rand(9, generator=generator(0)))
    assert not torch.equal(draw, torch.rand(9, generator=torch.Generator()))
    assert not torch.equal(draw, torch.rand(9, generator=generator(1)))
