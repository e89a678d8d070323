"""Multi-query associative recall: values against a naive construction, statistics, and refusals."""

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.mqar import MQAR
from src.tasks.streams import generator


def naive(pairs, queries, length, vocabulary):
    """Input, target and mask of pairs [(key, value)] and queries {step: key}, number by number."""
    heard = [symbol for key, value in pairs for symbol in (key, vocabulary // 2 + value)]
    symbols = heard + [queries.get(step) for step in range(len(heard), length)]
    x = [[float(i == symbol) for i in range(vocabulary)] for symbol in symbols]
    values = dict(pairs)
    y = [values[queries[step]] if step in queries else 0 for step in range(length)]
    return x, y, [float(step in queries) for step in range(length)]


@pytest.mark.parametrize(("pairs", "length"), [(1, 3), (3, 9), (4, 30)])
def test_sequences_are_laid_out_as_the_table_shows(pairs, length):
    batch = MQAR(max_pairs=4, min_length=12, vocabulary=12).draw(generator(length), 50, pairs, length)
    for x, y, mask in zip(*batch, strict=True):
        symbols = [int(row.argmax()) if row.any() else None for row in x]
        heard = [(symbols[2 * i], symbols[2 * i + 1] - 6) for i in range(pairs)]
        queries = {step: symbol for step, symbol in enumerate(symbols) if step >= 2 * pairs and symbol is not None}
        assert len({key for key, _ in heard}) == len({value for _, value in heard}) == pairs
        assert sorted(queries.values()) == sorted(key for key, _ in heard)
        assert (x.tolist(), y.tolist(), mask.tolist()) == naive(heard, queries, length, 12)


def test_keys_values_and_steps_of_queries_are_uniform():
    batch = MQAR(vocabulary=64).draw(generator(3), 20_000, 4, 28)
    keys, values = batch.x[:, 0, :32].mean(0), batch.x[:, 1, 32:].mean(0)
    assert torch.cat([keys, values]).tolist() == pytest.approx([1 / 32] * 64, abs=0.006)
    assert batch.mask[:, 8:].mean(0).tolist() == pytest.approx([4 / 20] * 20, abs=0.015)
    first = batch.x[torch.arange(20_000), batch.mask.argmax(1)]
    asked = [(first * batch.x[:, step]).sum(1).mean().item() for step in (0, 2, 4, 6)]
    assert asked == pytest.approx([1 / 4] * 4, abs=0.015)


def test_training_has_all_numbers_of_pairs_and_test_cells_theirs():
    task = MQAR(min_pairs=2, max_pairs=4, min_length=12, max_length=14, test_cells=[[5, 15]])
    drawn = {(int(b.mask[0].sum()), b.x.shape[1]) for b in map(task.training_batch, range(150))}
    assert drawn == {(pairs, length) for pairs in (2, 3, 4) for length in (12, 13, 14)}
    batch = task.cell(5, 15)[0]
    assert (batch.x.shape, batch.y.shape) == ((64, 15, 256), (64, 15))
    assert (task.needed_slots(batch), task.steps_of(5, 15)) == (10, 15)
    assert (task.input_size, task.output_size) == (256, 128)
    inputs, outputs = task.channels()
    assert (inputs[0], inputs[127], inputs[128], outputs) == ("key 1", "key 128", "value 1", inputs[128:])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_pairs": 22}, "max_pairs=22: must be at most a third of min_length=48"),
        ({"min_length": 40}, "max_pairs=16: must be at most a third of min_length=40"),
        ({"vocabulary": 30}, "max_pairs=16: must be at most half of vocabulary=30"),
        ({"vocabulary": 33}, "vocabulary=33: must be an even number, half keys and half values"),
        ({"vocabulary": 0}, "vocabulary=0: must be an integer of at least 2"),
        ({"min_pairs": 17}, "min_pairs=17: must be at most max_pairs=16"),
        ({"min_length": 65}, "min_length=65: must be at most max_length=64"),
        (
            {"test_cells": [[16, 128], [43, 128]]},
            "test_cells[1]=[43, 128]: must be [pairs, length] with a length of at least 3 * pairs",
        ),
        ({"test_cells": [[200, 900]]}, "test_cells[0][0]=200: must be at most half of vocabulary=256"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        MQAR(**options)
    assert str(refusal.value) == text


def test_a_cell_with_more_pairs_than_keys_is_refused():
    with pytest.raises(Refusal, match=r"^pairs=129: must be at most half of vocabulary=256$"):
        MQAR().cell(129, 500)
