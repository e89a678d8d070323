"""Priority sort: values against a naive construction, statistics, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.priority_sort import PrioritySort
from src.tasks.streams import generator


def naive(words, priorities, due):
    """Input, target and mask, number by number."""
    width = len(words[0])
    ranked = [word for _, word in sorted(zip(priorities, words, strict=True), reverse=True)][:due]
    x = [[*word, priority, 0.0] for word, priority in zip(words, priorities, strict=True)]
    x += [[0.0] * (width + 1) + [1.0]] + [[0.0] * (width + 2)] * due
    y = [[0.0] * width] * (len(words) + 1) + ranked
    return x, y, [0.0] * (len(words) + 1) + [1.0] * due


@pytest.mark.parametrize(("length", "share", "due"), [(1, 0.1, 1), (5, 0.5, 3), (7, 1.0, 7), (20, 0.8, 16)])
def test_sequences_are_laid_out_as_the_table_shows(length, share, due):
    task = PrioritySort(width=3, share=share)
    batch = task.draw(generator(length), 20, length)
    assert batch.x.shape[1] == task.steps_of(length) == length + 1 + due
    for x, y, mask in zip(*batch, strict=True):
        words, priorities = x[:length, :3].tolist(), x[:length, 3].tolist()
        assert (x.tolist(), y.tolist(), mask.tolist()) == naive(words, priorities, due)


def test_bits_and_priorities_are_uniform():
    batch = PrioritySort().draw(generator(1), 2000, 20)
    assert batch.x[:, :20, :8].mean().item() == pytest.approx(0.5, abs=0.01)
    quarters = torch.histc(batch.x[:, :20, 8], 4, -1, 1) / 40_000
    assert quarters.tolist() == pytest.approx([0.25] * 4, abs=0.01)


def test_lengths_are_those_of_the_ranges_and_the_priority_is_a_number():
    task = PrioritySort(min_length=3, max_length=5, width=4, test_cells=[30])
    lengths = [task.training_batch(n).x[0, :, 5].argmax().item() for n in range(60)]
    assert set(lengths) == {3, 4, 5}
    assert (task.input_size, task.output_size, task.numbers) == (6, 4, (4,))
    assert task.channels() == ([*"1234", "priority", "delimiter"], [*"1234"])
    (batch, _) = task.cell(30)
    assert (batch.y.shape, task.needed_slots(batch)) == ((64, 55, 4), 31)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        *(
            ({"share": share}, f"share={share!r}: must be a finite number above 0 and of at most 1")
            for share in (0, 1.5, -0.1, "x", True)
        ),
        ({"width": 0}, "width=0: must be an integer of at least 1"),
        ({"min_length": 21}, "min_length=21: must be at most max_length=20"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        PrioritySort(**options)
    assert str(refusal.value) == text
