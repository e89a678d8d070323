"""Figures of a trace: memory and heads, and those of single networks."""

import numpy as np
import pytest

from src.callbacks import trace_figures
from src.callbacks.pictures import trace
from src.callbacks.trace_figures import draw_trace, head_traces
from src.cells.lstm import LSTM
from src.cells.ntm import NTM
from src.cells.tape_rnn import TapeRNN
from src.cells.trace import Trace
from src.lit.bits import Bits
from src.lit.learner import Learner
from src.networks.recurrent import Recurrent
from src.tasks.repeat_copy import RepeatCopy

SIZES = {"memory_slots": 4, "word_size": 3, "controller_size": 6}


@pytest.fixture
def task():
    return RepeatCopy(max_length=3, max_repeats=2, width=2)


def learner_of(cell, task):
    return Learner(Recurrent(cell, task.output_size), task, Bits(), None, None)


def test_memory_added_and_read_vectors(task, monkeypatch):
    given = []
    monkeypatch.setattr(trace_figures, "memory", lambda *arguments: given.append(arguments))
    learner = learner_of(NTM(4, read_heads=2, write_heads=1, **SIZES), task)
    example = task.example(2, 2)
    seen = trace(learner, example)[1]
    draw_trace(learner.network, example, seen, "viridis")
    ((memories, heads, *others),) = given
    assert others == ["viridis", {"answer": 4}, "Length 2, Repeat 2"]
    held = seen["memory"][0].numpy()
    assert list(memories) == ["memory as the\nanswer begins", "memory\nat the end"]
    # After the last step before the answer, the fourth; and after the last of all.
    assert np.array_equal(memories["memory as the\nanswer begins"], held[3])
    assert np.array_equal(memories["memory\nat the end"], held[8])
    names = [(head.name, head.words_name) for head in heads]
    assert names == [("write head", "added"), ("read head 1", "read"), ("read head 2", "read")]
    # Weightings are numbered read heads first.
    for head, words, number in zip(heads, ("add", "read", "read"), (2, 0, 1), strict=True):
        assert np.array_equal(head.weights, seen["weighting"][0, :, number].numpy())
        assert np.array_equal(head.words, seen[words][0, :, number % 2].numpy())


def test_a_mark_at_the_first_step_has_no_memory_before_it(task, monkeypatch):
    given = []
    monkeypatch.setattr(trace_figures, "memory", lambda *arguments: given.append(arguments))
    learner = learner_of(NTM(4, **SIZES), task)
    example = task.example(2, 2)._replace(marks={"start": 0, "answer": 4})
    draw_trace(learner.network, example, trace(learner, example)[1], "viridis")
    assert list(given[0][0]) == ["memory as the\nanswer begins", "memory\nat the end"]


def test_a_network_without_heads_has_no_such_figures(task):
    learner = learner_of(LSTM(4, 5), task)
    assert draw_trace(learner.network, task.example(2, 2), Trace(), "jet") == {}


def test_a_network_of_a_user_need_not_name_heads(task, caplog):
    learner, example = learner_of(NTM(4, **SIZES), task), task.example(2, 2)
    assert draw_trace(object(), example, trace(learner, example)[1], "jet") == {}
    assert caplog.messages == []


def test_a_head_that_reads_and_writes_is_drawn_twice(task):
    learner = learner_of(TapeRNN(4, **SIZES), task)
    example = task.example(2, 2)
    seen = {name: values[0].numpy() for name, values in trace(learner, example)[1].items()}
    wrote, heard = head_traces(seen, learner.network.head_names)
    assert (wrote.name, wrote.words_name, heard.name, heard.words_name) == (
        "tape head",
        "added",
        "tape head",
        "read",
    )
    assert np.array_equal(wrote.words, seen["add"][:, 0])
    assert np.array_equal(heard.words, seen["read"][:, 0])
    assert np.array_equal(wrote.weights, heard.weights)


def test_further_figures_are_those_that_the_cell_names(task, monkeypatch):
    class Drawn(NTM):
        pictures = ("links",)

    given = []
    monkeypatch.setitem(trace_figures.FURTHER, "links", lambda *arguments: given.append(arguments) or "a figure")
    learner, example = learner_of(Drawn(4, **SIZES), task), task.example(2, 2)
    seen = trace(learner, example)[1]
    assert draw_trace(learner.network, example, seen, "viridis")["links"] == "a figure"
    ((arrays, *others),) = given
    assert others == ["viridis", {"answer": 4}]
    assert np.array_equal(arrays["gate"], seen["gate"][0].numpy())
