"""How repeated answers fail: against a slow loop, by hand, and the weight of the end marker in the loss."""

import math
from statistics import median

import pytest
import torch

from src.lit.bits import Bits
from src.lit.repeated_bits import RECOGNISED, RepeatedBits, best_alignments
from src.tasks.batches import prolonged
from src.tasks.repeat_copy_sampler import build, sample
from src.tasks.streams import generator

WIDTH, LENGTH, REPEATS = 8, 5, 4


def naive(pairs):
    """The metrics of faults, number by number, of (logits, batch) pairs."""
    shifted = lost = blocks = early = late = sequences = 0
    at = []
    for logits, batch in pairs:
        for z, y, mask, length, repeats in zip(
            logits.tolist(), batch.y.tolist(), batch.mask.tolist(), batch.lengths.tolist(), batch.repeats.tolist(),
            strict=True,
        ):  # fmt: skip
            start = mask.index(1.0)
            for r in range(repeats):
                shares = []
                for a in range(length):
                    wrong = sum(
                        (z[start + r * length + i][bit] > 0) != (y[start + (i + a) % length][bit] == 1)
                        for i in range(length)
                        for bit in range(WIDTH)
                    )
                    shares.append(wrong / (length * WIDTH))
                blocks += 1
                lost += min(shares) > RECOGNISED
                shifted += min(shares) <= RECOGNISED and shares[0] > min(shares)
            right = length * repeats
            said = [step for step, now in enumerate(z[start:]) if now[-1] > 0]
            first = said[0] if said else len(z) - start
            early += first < right
            late += first > right
            at.append(first / right)
            sequences += 1
    return {
        "shifted": shifted / blocks,
        "lost": lost / blocks,
        "end_early": early / sequences,
        "end_late": late / sequences,
        "end_at": median(at),
    }


def measured(pairs):
    counts = RepeatedBits().counts(None)
    for logits, batch in pairs:
        counts.update(logits, batch)
    return counts.compute()


def test_every_metric_equals_a_slow_loop():
    source = generator(4)
    pairs = []
    for size, lengths, repeats in [(6, (2, 5), (1, 4)), (1, (3, 3), (2, 2)), (5, (4, 4), (3, 3))]:
        batch = sample(source, size, lengths, repeats, (1, 4), WIDTH, ragged=True)
        wrong = torch.rand(batch.y.shape, generator=source) < 0.02
        wrong[: size // 2] |= torch.rand(batch.y[: size // 2].shape, generator=source) < 0.2
        z = (2 * batch.y - 1) * (1 - 2 * wrong.float())
        z[0, :, -1] = -1.0  # no end marker
        pairs.append((z, batch))
    z[-1, 6:, :-1] = z[-1, 6:, :-1].roll(1, 0)  # a step late
    found, expected = measured(pairs), naive(pairs)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert all(expected.values())
    of_bits = Bits().counts(None)
    for logits, batch in pairs:
        of_bits.update(logits, batch)
    assert {name: found[name] for name in Bits().names} == of_bits.compute()


def answer(batch, steps, change=lambda words: words):
    """Logits of an answer that is right but for a change of its payload, and says the end after some steps."""
    words = change(batch.y[:, LENGTH + 2 : -1, :-1].clone())
    z = -torch.ones(len(batch.y), batch.x.shape[1] + 8, WIDTH + 1)
    z[:, LENGTH + 2 : LENGTH + 2 + words.shape[1], :-1] = 2 * words - 1
    if steps is not None:
        z[:, LENGTH + 2 + steps, -1] = 1
    return z


def late_by_one(words):
    return words.roll(1, 1)


def second_half_elsewhere(words):
    half = words.shape[1] // 2
    words[:, half:] = 1 - words[:, half:]
    return words


@pytest.mark.parametrize(
    ("said", "change", "expected"),
    [
        (20, lambda words: words, {"shifted": 0, "lost": 0, "end_early": 0, "end_late": 0, "end_at": 1}),
        (20, late_by_one, {"shifted": 1, "lost": 0, "end_early": 0, "end_late": 0, "end_at": 1}),
        (20, second_half_elsewhere, {"shifted": 0, "lost": 0.5, "end_early": 0, "end_late": 0, "end_at": 1}),
        (15, lambda words: words, {"shifted": 0, "lost": 0, "end_early": 1, "end_late": 0, "end_at": 0.75}),
        (25, lambda words: words, {"shifted": 0, "lost": 0, "end_early": 0, "end_late": 1, "end_at": 1.25}),
        (None, lambda words: words, {"shifted": 0, "lost": 0, "end_early": 0, "end_late": 1, "end_at": 29 / 20}),
    ],
)
def test_faults_are_told_apart(said, change, expected):
    payload = torch.randint(0, 2, (3, LENGTH, WIDTH), generator=generator(1)).float()
    batch = build(payload, torch.tensor([LENGTH] * 3), torch.tensor([REPEATS] * 3), (1, 4))
    longer = prolonged(batch, 8)
    found = measured([(answer(batch, said, change), longer)])
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_of_alignments_that_fit_alike_the_right_one_counts():
    words = torch.ones(1, 6, 2, dtype=torch.bool)
    ((alignment, wrong),) = best_alignments(words, words, torch.tensor([3]), torch.tensor([2]))
    assert (alignment.tolist(), wrong.tolist()) == ([0, 0], [0.0, 0.0])


@pytest.mark.parametrize("weight", [0.25, 1.0, 3.0])
def test_the_weight_of_the_end_marker(weight):
    source = generator(2)
    batch = sample(source, 3, (2, 4), (1, 3), (1, 3), 2, ragged=True)
    batch = batch._replace(end_weight=torch.full((3,), weight))
    z = torch.randn(batch.y.shape, generator=source, dtype=torch.float64)
    loss, metrics = RepeatedBits().loss(z, batch._replace(y=batch.y.double(), mask=batch.mask.double()))
    total = elements = 0
    for row, target, mask in zip(z.tolist(), batch.y.tolist(), batch.mask.tolist(), strict=True):
        for values, right, counts in zip(row, target, mask, strict=True):
            for channel, (value, bit) in enumerate(zip(values, right, strict=True)):
                nats = math.log1p(math.exp(-value if bit else value))
                total += counts * nats * (weight if channel == 2 else 1)
                elements += counts
    assert float(loss) == pytest.approx(total / elements)
    unweighted = RepeatedBits().loss(z, batch._replace(end_weight=torch.ones(3)))[1]
    assert {name: float(value) for name, value in metrics.items()} == pytest.approx(
        {name: float(value) for name, value in unweighted.items()}
    )
    assert measured([(z.float(), batch)])["loss"] == pytest.approx(
        measured([(z.float(), batch._replace(end_weight=torch.ones(3)))])["loss"]
    )


def test_shards_of_a_weighted_batch_add_up_to_the_whole():
    source = generator(3)
    batch = sample(source, 4, (2, 4), (1, 3), (1, 3), 2, ragged=True)._replace(end_weight=torch.full((4,), 2.5))
    z = torch.randn(batch.y.shape, generator=source)
    whole, _ = RepeatedBits().loss(z, batch)
    parts = [
        RepeatedBits().loss(z[rows], type(batch)(*(field[rows] for field in batch)), whole=batch)[0]
        for rows in (slice(0, 1), slice(1, 4))
    ]
    assert float(sum(parts)) == pytest.approx(float(whole))
