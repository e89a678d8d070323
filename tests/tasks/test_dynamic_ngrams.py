"""Dynamic n-grams: the distribution of the sequences, the optimum against a slow count, and refusals."""

import math

import pytest
import torch

from src.common.checks import Refusal
from src.lit.objectives import OBJECTIVES
from src.tasks.dynamic_ngrams import DynamicNGrams
from src.tasks.streams import generator


def bits_of(batch):
    """The sequences of a batch, with the last bit, which is a target alone."""
    return [[*map(int, x[:, 0].tolist()), int(y[-1, 0])] for x, y in zip(batch.x, batch.y, strict=True)]


def counted(bits, context, start=None):
    """Cross-entropy in nats of a predictor that counts as it reads, bit by bit, from the first whole context."""
    seen, nats = {}, 0.0
    for t in range(context if start is None else start, len(bits)):
        counts = seen.setdefault(tuple(bits[t - context : t]), [0, 0])
        one = (counts[1] + 0.5) / (sum(counts) + 1)
        nats -= math.log(one if bits[t] else 1 - one)
        counts[bits[t]] += 1
    return nats


@pytest.mark.parametrize(("context", "length"), [(1, 2), (2, 9), (5, 40)])
def test_targets_are_the_next_bits_from_the_first_whole_context(context, length):
    task = DynamicNGrams(context=context, min_length=length, max_length=length)
    batch = task.draw(generator(2), 30, length)
    assert batch.x.shape == batch.y.shape == (30, length - 1, 1)
    for x, y, mask in zip(*batch, strict=True):
        following = x[1:, 0].tolist()
        expected = [0.0] * (context - 1) + following[context - 1 :]
        assert y[:-1, 0].tolist() == expected
        assert mask.tolist() == [0.0] * (context - 1) + [1.0] * (length - context)
    assert batch.y[:, -1].unique().tolist() == [0.0, 1.0]
    assert (task.steps_of(length), task.needed_slots(batch)) == (length - 1, 2**context)


def test_probabilities_are_from_beta_one_half_one_half():
    """With one bit of context, k + 1 equal bits begin a sequence with the k-th moment of the distribution."""
    batch = DynamicNGrams(context=1).draw(generator(4), 20_000, 6)
    sequences = bits_of(batch)
    begun = [sum(len(set(bits[: k + 2])) == 1 for bits in sequences) / 20_000 for k in range(4)]
    assert begun == pytest.approx([1 / 2, 3 / 8, 5 / 16, 35 / 128], abs=0.012)


def test_bits_depend_on_as_many_bits_as_the_context():
    """A predictor of shorter or longer contexts does worse on the same bits."""
    sequences = bits_of(DynamicNGrams(context=3).draw(generator(5), 100, 300))
    nats = {context: sum(counted(bits, context, start=4) for bits in sequences) for context in (2, 3, 4)}
    assert nats[3] < 0.98 * min(nats[2], nats[4])


def test_first_bits_are_fair_coins_and_tables_differ_between_sequences():
    batch = DynamicNGrams(context=3).draw(generator(8), 4000, 60)
    assert batch.x[:, :3].mean((0, 2)).tolist() == pytest.approx([0.5] * 3, abs=0.03)
    first, second = bits_of(batch)[:2]
    assert first[3:] != second[3:]


@pytest.mark.parametrize(("context", "lengths"), [(1, (2, 6)), (3, (4, 20)), (5, (200, 200))])
def test_the_optimum_is_that_of_a_predictor_that_counts(context, lengths):
    task = DynamicNGrams(*lengths, context=context, test_size=40)
    batches = task.mixed(40, 1)
    nats = [counted(bits, context) for batch in batches for bits in bits_of(batch)]
    optimum = task.baselines(batches)["optimum"]
    assert optimum["bits"] == pytest.approx(sum(nats) / 40 / math.log(2))
    asked = sum(batch.mask.sum().item() for batch in batches)
    assert optimum["loss"] == pytest.approx(sum(nats) / asked)


def test_no_constant_prediction_is_below_the_optimum():
    task = DynamicNGrams()
    batches = task.batches(task.source(9), 128, (200,))
    optimum = task.baselines(batches)["optimum"]
    objective = OBJECTIVES[task.objective]
    for one in (0.05, 0.3, 0.5, 0.6, 0.9):
        counts = objective.counts(task)
        for batch in batches:
            counts.update(torch.full_like(batch.y, math.log(one / (1 - one))), batch)
        reached = counts.compute()
        assert reached["bits"] > optimum["bits"]
        assert reached["loss"] > optimum["loss"]
    chance = task.baselines(batches)["chance"]
    assert (chance["bits"], chance["error_bits"]) == (195, 97.5)
    assert optimum["bits"] < 0.85 * chance["bits"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_length": 5}, "min_length=5: must be above context=5"),
        ({"context": 9}, "context=9: must be an integer of at least 1 and at most 8"),
        ({"context": 0}, "context=0: must be an integer of at least 1 and at most 8"),
        ({"min_length": 201}, "min_length=201: must be at most max_length=200"),
        ({"test_cells": [400, 5]}, "test_cells[1]=5: must be above context=5"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        DynamicNGrams(**options)
    assert str(refusal.value) == text


def test_a_cell_without_a_bit_to_predict_is_refused():
    with pytest.raises(Refusal, match=r"^length=4: must be above context=5$"):
        DynamicNGrams().cell(4)
