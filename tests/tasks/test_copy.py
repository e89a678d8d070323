"""Copy and reverse: values against a naive construction, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.copy import Copy
from src.tasks.reverse import Reverse
from src.tasks.streams import generator

both = pytest.mark.parametrize(("cls", "order"), [(Copy, 1), (Reverse, -1)])


def naive(words, order):
    """Input, target and mask of words [L][width], number by number."""
    length, width = len(words), len(words[0])
    quiet, delimiter = [0.0] * (width + 1), [0.0] * width + [1.0]
    x = [[*word, 0.0] for word in words] + [delimiter] + [quiet] * length
    y = [[0.0] * width] * (length + 1) + words[::order]
    return x, y, [0.0] * (length + 1) + [1.0] * length


@both
@pytest.mark.parametrize("length", [1, 2, 7])
def test_sequences_are_laid_out_as_the_table_shows(cls, order, length):
    batch = cls(width=3).draw(generator(length), 6, length)
    assert len(batch.x.flatten(1).unique(dim=0)) > 1
    for x, y, mask in zip(*batch, strict=True):
        assert (x.tolist(), y.tolist(), mask.tolist()) == naive(x[:length, :3].tolist(), order)


@both
def test_lengths_and_bits_are_uniform(cls, order):
    task = cls(min_length=2, max_length=4, width=5, batch_size=7)
    batches = [task.training_batch(n) for n in range(300)]
    lengths = [(batch.x.shape[1] - 1) // 2 for batch in batches]
    assert set(lengths) == {2, 3, 4}
    assert all(70 < lengths.count(length) < 130 for length in (2, 3, 4))
    bits = torch.cat([batch.y[batch.mask > 0].flatten() for batch in batches])
    assert bits.mean().item() == pytest.approx(0.5, abs=0.02)
    assert {batch.x.shape[2] for batch in batches} == {task.input_size} == {6}


@both
def test_a_test_cell_has_its_length(cls, order):
    task = cls(test_cells=[30], cell_size=5)
    (batch,) = task.cell(30)
    assert (batch.x.shape, batch.y.shape) == ((5, 61, 9), (5, 61, 8))
    assert task.needed_slots(batch) == 31
    assert task.channels() == ([*"12345678", "delimiter"], [*"12345678"])
    example = task.example(30)
    assert (example.title, example.marks) == ("Length 30", {"answer": 31})


def test_copy_and_reverse_have_other_words():
    ours, theirs = Copy().training_batch(0), Reverse().training_batch(0)
    assert ours.x.shape != theirs.x.shape or not torch.equal(ours.x, theirs.x)


COUNT = "an integer of at least 1"


@both
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_length": 21}, "min_length=21: must be at most max_length=20"),
        *(({key: 0}, f"{key}=0: must be {COUNT}") for key in ("min_length", "max_length", "width")),
        *(({key: "x"}, f"{key}='x': must be {COUNT}") for key in ("min_length", "max_length", "width")),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(cls, order, options, text):
    with pytest.raises(Refusal) as refusal:
        cls(**options)
    assert str(refusal.value) == text
