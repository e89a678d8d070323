"""Associative recall: values against a naive construction, the queried items, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.associative_recall import AssociativeRecall
from src.tasks.streams import generator


def naive(items, query):
    """Input, target and mask of items [items][item_length][width], when one of them is asked for."""
    width = len(items[0][0])
    quiet, item_flag, query_flag = ([0.0] * width + flags for flags in ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]))
    x = []
    for item in items:
        x += [item_flag] + [[*word, 0.0, 0.0] for word in item]
    x += [query_flag] + [[*word, 0.0, 0.0] for word in items[query]] + [query_flag]
    y, mask = [[0.0] * width] * len(x), [0.0] * len(x)
    x += [quiet] * len(items[0])
    return x, y + items[query + 1], mask + [1.0] * len(items[0])


def items_in(task, x, items):
    """The items of an input, and the place of the queried one."""
    stride = task.item_length + 1
    words = [x[i * stride + 1 : (i + 1) * stride, : task.width].tolist() for i in range(items + 1)]
    return words[:-1], words.index(words[-1])


@pytest.mark.parametrize(("items", "item_length"), [(2, 1), (2, 3), (6, 3), (5, 2), (20, 3)])
def test_sequences_are_laid_out_as_the_table_shows(items, item_length):
    task = AssociativeRecall(width=11, item_length=item_length)  # so wide that no two items are equal
    batch = task.draw(generator(items), 6, items)
    assert batch.x.shape == (6, task.steps_of(items), 13)
    assert len(batch.x.unique(dim=0)) == 6
    for x, y, mask in zip(*batch, strict=True):
        words, query = items_in(task, x, items)
        assert query < items - 1
        assert (x.tolist(), y.tolist(), mask.tolist()) == naive(words, query)


def test_every_item_but_the_last_is_asked_for_equally_often():
    task = AssociativeRecall(width=11)
    batch = task.draw(generator(0), 1000, 5)
    queries = [items_in(task, x, 5)[1] for x in batch.x]
    assert set(queries) == {0, 1, 2, 3}
    assert all(180 < queries.count(query) < 320 for query in range(4))


def test_numbers_of_items_and_bits_are_uniform():
    task = AssociativeRecall(max_items=4, batch_size=7)
    batches = [task.training_batch(n) for n in range(300)]
    items = [batch.x.shape[1] // 4 - 2 for batch in batches]
    assert set(items) == {2, 3, 4}
    assert all(70 < items.count(one) < 130 for one in (2, 3, 4))
    answers = torch.cat([batch.y[batch.mask > 0] for batch in batches])
    assert answers.mean().item() == pytest.approx(0.5, abs=0.02)  # so that guessing gets half of them wrong


def test_a_test_cell_has_its_number_of_items():
    task = AssociativeRecall(test_cells=[20], cell_size=3)
    (batch,) = task.cell(20)
    assert batch.x.shape == (3, 88, 8)
    assert (task.needed_slots(batch), task.numbers) == (85, ())
    assert task.channels() == ([*"123456", "item", "query"], [*"123456"])
    assert (task.example(20).name, task.example(20).title) == ("items20", "Items 20")


COUNT = "an integer of at least 1"
TWO = "an integer of at least 2"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        *(({"min_items": value}, f"min_items={value!r}: must be {TWO}") for value in (1, 2.5, "x")),
        ({"min_items": 7}, "min_items=7: must be at most max_items=6"),
        *(
            ({key: value}, f"{key}={value!r}: must be {COUNT}")
            for key in ("max_items", "item_length", "width")
            for value in (0, 2.5, "x")
        ),
        ({"test_cells": [8, 1]}, f"test_cells[1][0]=1: must be {TWO}"),
        ({"test_cells": [[8, 1]]}, "test_cells[0]=[8, 1]: must be one value for each of [items]"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        AssociativeRecall(**options)
    assert str(refusal.value) == text
