"""Strided copy: values against a naive construction, the range of strides, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.streams import generator
from src.tasks.strided_copy import StridedCopy


def order(length, stride):
    """Words that are left are said from the first of them on, every stride-th."""
    left, said = list(range(length)), []
    while left:
        word = left[0]
        while word < length:
            said.append(word)
            left.remove(word)
            word += stride
    return said


def naive(words, stride, number):
    """Input, target and mask of words [L][width], number by number."""
    length, width = len(words), len(words[0])
    x = [[*word, 0.0, 0.0] for word in words]
    x += [[0.0] * width + [1.0, 0.0], [0.0] * width + [0.0, number]] + [[0.0] * (width + 2)] * length
    y = [[0.0] * width] * (length + 2) + [words[word] for word in order(length, stride)]
    return x, y, [0.0] * (length + 2) + [1.0] * length


@pytest.mark.parametrize(("length", "stride"), [(1, 1), (1, 3), (5, 1), (7, 2), (8, 3), (32, 4), (16, 6), (3, 9)])
def test_sequences_are_laid_out_as_the_table_shows(length, stride):
    batch = StridedCopy(width=3, max_stride=3).draw(generator(length), 6, length, stride)
    assert len(batch.x.unique(dim=0)) > 1
    number = (stride - 2) / (2 / 3) ** 0.5  # 1..3 has mean 2 and variance 2/3
    for x, y, mask in zip(*batch, strict=True):
        expected = naive(x[:length, :3].tolist(), stride, number)
        torch.testing.assert_close(x, torch.tensor(expected[0]))
        assert (y.tolist(), mask.tolist()) == expected[1:]


def test_a_single_stride_has_the_number_0():
    batch = StridedCopy(min_stride=2, max_stride=2).draw(generator(0), 2, 3, 2)
    assert not batch.x[..., 9].any()


def test_lengths_strides_and_bits_are_uniform():
    task = StridedCopy(min_length=2, max_length=3, max_stride=3, width=5, batch_size=7)
    batches = [task.training_batch(n) for n in range(600)]
    cells = [(batch.y.shape[1] // 2 - 1, round(float(batch.x[0, ..., 6].sum()), 3)) for batch in batches]
    assert {cell: 60 < cells.count(cell) < 145 for cell in cells} == {
        (length, number): True for length in (2, 3) for number in (-1.225, 0.0, 1.225)
    }
    answers = torch.cat([batch.y[batch.mask > 0] for batch in batches])
    assert answers.mean().item() == pytest.approx(0.5, abs=0.015)  # so that guessing gets half of them wrong


def test_a_test_cell_has_its_length_and_stride():
    task = StridedCopy(test_cells=[[16, 6]], cell_size=3)
    (batch,) = task.cell(16, 6)
    assert batch.x.shape == (3, task.steps_of(16, 6), task.input_size) == (3, 34, 10)
    assert (task.needed_slots(batch), task.numbers) == (18, (9,))
    assert task.channels() == ([*"12345678", "delimiter", "stride"], [*"12345678"])
    assert (task.example(16, 6).name, task.example(16, 6).title) == ("length16_stride6", "Length 16, stride 6")


COUNT = "an integer of at least 1"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_length": 17}, "min_length=17: must be at most max_length=16"),
        ({"min_stride": 5}, "min_stride=5: must be at most max_stride=4"),
        *(
            ({key: value}, f"{key}={value!r}: must be {COUNT}")
            for key in ("min_length", "max_length", "min_stride", "max_stride", "width")
            for value in (0, 2.5, "x")
        ),
        ({"test_cells": [[32]]}, "test_cells[0]=[32]: must be one value for each of [length, stride]"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        StridedCopy(**options)
    assert str(refusal.value) == text
