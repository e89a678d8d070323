"""The string tasks of the Chomsky benchmark: values against a naive construction, protocol, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.duplicate_string import DuplicateString
from src.tasks.missing_duplicate import MissingDuplicate
from src.tasks.odds_first import OddsFirst
from src.tasks.streams import generator

TASKS = (DuplicateString, OddsFirst, MissingDuplicate)
each_task = pytest.mark.parametrize("cls", TASKS)


def duplicated(read):
    return read + read


def odds_first(read):
    """As in the paper: the first symbol is odd."""
    numbered = list(enumerate(read, start=1))
    return [s for i, s in numbered if i % 2 == 1] + [s for i, s in numbered if i % 2 == 0]


def missing(read):
    """The symbol at the placeholder, 3, of a string of three symbols read twice."""
    half = len(read) // 2
    first, second, rest = read[:half], read[half : 2 * half], read[2 * half :]
    assert rest == [4] * (len(read) % 2)
    assert sorted(read).count(3) == 1
    differing = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    assert len(differing) == 1
    return [one for one in differing[0] if one != 3]


NAIVE = {DuplicateString: duplicated, OddsFirst: odds_first, MissingDuplicate: missing}


@each_task
@pytest.mark.parametrize("length", [2, 3, 6, 7, 40])
def test_sequences_are_laid_out_as_the_table_shows(cls, length):
    task = cls(vocabulary=3)
    batch = task.draw(generator(length), 30, length)
    assert len(batch.x.flatten(1).unique(dim=0)) > 1
    for x, y, mask in zip(*batch, strict=True):
        read = x[:length].argmax(1).tolist()
        answer = NAIVE[cls](read)
        steps = length + len(answer)
        assert (len(x), task.steps_of(length)) == (steps, steps)
        symbols = [*read, *[task.input_size - 1] * len(answer)]
        assert x.tolist() == [[float(i == one) for i in range(task.input_size)] for one in symbols]
        assert y.tolist() == [0] * length + answer
        assert mask.tolist() == [0.0] * length + [1.0] * len(answer)


def test_examples_of_the_paper():
    assert odds_first([*"aaabaa"]) == [*"aaaaba"]
    assert missing([0, 1, 1, 0, 0, 3, 1, 0]) == [1]
    assert missing([1, 0, 1, 1, 3, 1, 4]) == [0]


@each_task
def test_symbols_are_uniform(cls):
    batch = cls(vocabulary=4).draw(generator(2), 3000, 12)
    assert batch.x[:, :12, :4].mean((0, 1)).tolist() == pytest.approx([1 / 4] * 4, abs=0.025)
    answered = torch.bincount(batch.y[batch.mask > 0], minlength=4) / batch.mask.sum()
    assert answered.tolist() == pytest.approx([1 / 4] * 4, abs=0.03)


def test_every_symbol_of_both_copies_is_hidden_as_often():
    batch = MissingDuplicate().draw(generator(3), 7000, 7)
    assert batch.x[:, :7, 2].mean(0).tolist() == pytest.approx([1 / 6] * 6 + [0], abs=0.02)
    assert batch.x[:, 6, 3].all()


@each_task
def test_training_has_every_length_up_to_40(cls):
    task = cls()
    lengths = {int(batch.mask.argmax(1)[0]) for batch in map(task.training_batch, range(600))}
    assert lengths == set(range(task.shortest, 41))
    assert task.trained == ((task.shortest, 40),)
    assert task.needed_slots(task.training_batch(0)) == int(task.training_batch(0).mask.argmax(1)[0])


@each_task
def test_channels_name_symbols_and_the_flag(cls):
    inputs, outputs = cls(vocabulary=3).channels()
    assert inputs == ["0", "1", "2", *(["placeholder", "padding"] if cls is MissingDuplicate else []), "answer"]
    assert outputs == ["0", "1", "2"]


@each_task
def test_the_benchmark_tests_every_length_from_41_to_500(cls):
    task = cls(test_cells=[100], validation_size=8, test_size=8, cell_size=2)
    task.setup()
    assert list(task.tests) == ["in_distribution", "lengths_41_to_500", "length100"]
    unseen = task.tests["lengths_41_to_500"]
    assert len(unseen) == 460
    sizes = [(len(batch.x), int(batch.mask.argmax(1)[0])) for batch in unseen]
    assert sizes == [(2, length) for length in range(41, 501)]
    assert task.baselines([unseen[0], unseen[459]])["chance"]["accuracy"] == 0.5
    with pytest.raises(IndexError):
        unseen[460]


@each_task
def test_unseen_lengths_are_the_same_sequences_always_and_those_of_no_other_set(cls):
    task, other = cls(cell_size=2), cls(seed=3, test_per_length=2)
    name = "lengths_41_to_500"
    first, again = task.further_tests()[name][59], other.further_tests()[name][59]
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.x, task.cell(100)[0].x)
    assert not torch.equal(first.x[0], first.x[1])


def test_unseen_lengths_can_be_chosen_and_left_out():
    task = OddsFirst(max_length=5, test_min=6, test_max=8, test_per_length=3)
    (name,) = task.further_tests()
    assert name == "lengths_6_to_8"
    assert [batch.x.shape[:2] for batch in task.further_tests()[name]] == [(3, 12), (3, 14), (3, 16)]
    assert OddsFirst(test_per_length=0).further_tests() == {}
    assert OddsFirst(max_length=60, test_per_length=0).further_tests() == {}


COUNT = "an integer of at least"


@each_task
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"vocabulary": 1}, f"vocabulary=1: must be {COUNT} 2"),
        ({"test_min": 40}, "test_min=40: must be above max_length=40, unseen in training"),
        ({"max_length": 60}, "test_min=41: must be above max_length=60, unseen in training"),
        ({"test_max": 40}, "test_max=40: must be at least test_min=41"),
        ({"test_per_length": -1}, f"test_per_length=-1: must be {COUNT} 0"),
        ({"min_length": 41}, "min_length=41: must be at most max_length=40"),
        ({"test_cells": [100, 0]}, f"test_cells[1]=0: must be {COUNT} 1"),
    ],
)
def test_refusals(cls, options, text):
    with pytest.raises(Refusal) as refusal:
        cls(**options)
    assert str(refusal.value) == text


def test_a_string_of_one_symbol_has_no_missing_duplicate():
    with pytest.raises(Refusal, match=r"^min_length=1: must be an integer of at least 2$"):
        MissingDuplicate(min_length=1)
    with pytest.raises(Refusal, match=r"^test_cells\[1\]=1: must be an integer of at least 2$"):
        MissingDuplicate.check_cells("test_cells", [100, 1])
    assert MissingDuplicate(min_length=2).trained == ((2, 40),)
