"""The recording equals the trace."""

import math

import numpy as np
import pytest
import torch

from src.callbacks.pictures import trace
from src.cells.dms_ntm import DMSNTM
from src.lit.bits import BitCounts
from src.networks.recurrent import Recurrent
from src.replay.recording import Heads, record, record_heads


def naive_place(weights):
    """Position and width of a weighting on the ring, slot by slot."""
    slots = len(weights)
    x = sum(w * math.cos(2 * math.pi * n / slots) for n, w in enumerate(weights))
    y = sum(w * math.sin(2 * math.pi * n / slots) for n, w in enumerate(weights))
    place = math.atan2(y, x) * slots / (2 * math.pi) % slots
    away = [min(abs(n - place), slots - abs(n - place)) for n in range(slots)]
    return place, math.sqrt(sum(w * d * d for w, d in zip(weights, away, strict=True)))


def test_bits_with_a_memory(learner):
    ntm = learner("ntm")
    example = ntm.task.example(3, 2)
    y, seen = trace(ntm, example)
    recording = record(ntm, example, "a run")
    assert recording.title == "a run"
    assert np.array_equal(recording.x, example.x[0])
    assert np.array_equal(recording.target, example.y[0])
    assert recording.y == pytest.approx(y[0].sigmoid().numpy())
    assert recording.asked.tolist() == [False] * 5 + [True] * 7
    assert recording.phases == [("listening", 0), ("answer", 5)]
    assert recording.right is None
    assert recording.heads.names == ["read head", "write head"]
    assert np.array_equal(recording.heads.weights, seen["weighting"][0])
    assert np.array_equal(recording.heads.memory, seen["memory"][0])
    words = {name: seen[name][0, :, 0] for name in ("read", "add", "erase")}
    shown = {name: recording.heads.words[label] for name, label in
             {"read": "read", "add": "added", "erase": "erased"}.items()}  # fmt: skip
    assert all(np.array_equal(shown[name], words[name]) for name in words)
    assert set(recording.heads.numbers) == {"position", "width", "gate"}
    assert np.array_equal(recording.heads.numbers["gate"], seen["gate"][0])


def test_the_wrong_bits_are_those_of_the_metrics(learner):
    ntm = learner("ntm")
    example = ntm.task.example(3, 4)
    y, _ = trace(ntm, example)
    metrics = BitCounts()
    metrics.update(y, example)
    wrong = int(metrics.compute()["error_bits"])
    recording = record(ntm, example, "")
    assert recording.wrong.sum() == wrong > 0
    assert not recording.wrong[:5].any()
    assert recording.verdict == f"{wrong} of {13 * 9} bits wrong"


def test_position_and_width_of_a_weighting(recording):
    heads = recording("ntm").heads
    for t, weights in enumerate(heads.weights):
        for h, one in enumerate(weights):
            place, width = naive_place(one.tolist())
            assert heads.numbers["position"][t, h] == pytest.approx(place, abs=2e-3)
            assert heads.numbers["width"][t, h] == pytest.approx(width, abs=2e-3)


def test_a_head_with_a_position_records_it(learner):
    dms_ntm = learner("dms_ntm")
    example = dms_ntm.task.example(3, 4)
    _, seen = trace(dms_ntm, example)
    heads = record(dms_ntm, example, "").heads
    assert heads.names == ["read head 1", "read head 2", "write head"]
    assert set(heads.numbers) == {"position", "width", "sigma 1", "sigma 2", "gate", "delta"}
    assert set(heads.words) == {"read 1", "read 2", "added", "erased"}
    assert seen["position"].max() > 8  # round the ring and on
    assert heads.numbers["position"] == pytest.approx(seen["position"][0].numpy() % 8, abs=1e-4)
    assert np.array_equal(heads.numbers["sigma 2"], seen["sigma"][0, :, :, 1])


def test_numbers_of_several_parts_are_shown_part_by_part(rng):
    """As the widths of several scales; those of an anchored head have names."""
    cell = DMSNTM(3, memory_slots=5, word_size=2, controller_size=4, motion="anchored", num_scales=2)
    _, _, seen = Recurrent(cell, 2).trace(torch.randn(1, 4, 3, generator=rng))
    heads = record_heads(["read head", "write head"], seen)
    assert set(heads.numbers) == {
        *("position", "width", "sigma 1", "sigma 2", "gate", "delta", "store", "stay", "to bookmark", "to start")
    }
    assert np.array_equal(heads.numbers["to start"], seen["to_start"][0])


def test_the_memory_grows_with_the_sequence(recording):
    assert recording("ntm", 6, 1).heads.memory.shape == (15, 8, 5)
    assert recording("ntm", 9, 1).heads.memory.shape == (21, 11, 5)


def test_classes(learner):
    ntm = learner("digits_ntm")
    example = ntm.task.examples()[0]
    y, _ = trace(ntm, example)
    answer = int(y[0, -1].argmax())
    recording = record(ntm, example._replace(y=torch.tensor([answer])), "")
    assert recording.y == pytest.approx(y[0].softmax(1).numpy())
    assert (recording.target, recording.wrong, recording.right) == (None, None, answer)
    assert recording.asked.all()
    assert recording.phases == [("reading", 0)]
    assert recording.verdict == f"answers {answer} at the end, right"
    other = (answer + 1) % 10
    wrong = record(ntm, example._replace(y=torch.tensor([other])), "")
    assert (wrong.right, wrong.verdict) == (other, f"answers {answer} at the end, wrong: it is a {other}")


def test_without_a_memory(recording):
    assert recording("lstm").heads is None
    assert recording("lstm").y.shape == (3 + 2 + 9 + 1, 9)


def test_names_of_channels(learner):
    bits = [str(i) for i in range(1, 9)]
    assert learner("lstm").task.channels() == ([*bits, "delimiter", "repeats"], [*bits, "end"])
    assert learner("digits_gru").task.channels() == (["1"], [str(i) for i in range(10)])


def heads_of(names, memory):
    return Heads(names, np.zeros((1, len(names), 1)), {}, memory, {})


def test_the_colour_scale_of_the_memory_ends_at_a_high_quantile():
    memory = np.zeros((1, 200, 10))
    memory[0, :100] = np.linspace(-2, 2, 1000).reshape(100, 10)
    memory[0, 150, 3] = 50.0
    assert 1.9 < heads_of([], memory).bound < 2.1
    assert heads_of([], np.zeros((1, 2, 3))).bound == 1.0


def test_heads_of_a_kind_have_colours_of_a_kind():
    colours = heads_of(["read head 1", "read head 2", "write head"], np.zeros((1, 1, 1))).colours
    assert colours == ["#0072B2", "#56B4E9", "#D55E00"]
    assert len(heads_of([f"read head {i}" for i in range(5)], np.zeros((1, 1, 1))).colours) == 5


def focused(*slots):
    """A read head that focuses on one of these slots at each step, of 32, and a write head on another slot."""
    weights = np.zeros((len(slots), 2, 32))
    weights[np.arange(len(slots)), 0, slots] = 1.0
    weights[:, 1, 16] = 1.0
    return Heads(["read head", "write head"], weights, {}, np.zeros((len(slots), 32, 3)), {})


def test_the_slots_that_are_read_lie_on_the_ring_with_two_more_on_each_side():
    assert focused(10, 11, 13).read_slots.tolist() == [8, 9, 10, 11, 12, 13, 14, 15]
    assert focused(31, 0, 1).read_slots.tolist() == [29, 30, 31, 0, 1, 2, 3]
    assert focused(*range(0, 32, 2)).read_slots.tolist() == list(range(32))
