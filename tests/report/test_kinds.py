"""A kind of table in report.json, also in one of before there were others than bits and classes."""

import pytest

from src.lit.objectives import OBJECTIVES
from src.report.kinds import Kind
from src.tasks.base import Axis

BITS = {"told": "x", "bits": True, "headlines": [["10x20", "payload_error"]], "trained": [[1, 5], [1, 10]]}
CLASSES = {"told": "y", "bits": False, "headlines": [["test", "accuracy"]], "trained": None}


@pytest.mark.parametrize(
    ("content", "objective", "axes"),
    [(BITS, "bits", [("length", "lengths"), ("repeats", "repeats")]), (CLASSES, "classes", [])],
)
def test_of_bits_and_classes_a_report_says_what_it_always_did(content, objective, axes):
    kind = Kind.from_json(content)
    assert (kind.objective, list(kind.axes)) == (objective, axes)
    assert kind.as_json() == content
    assert kind.solvable is content["bits"]


@pytest.mark.parametrize("bits", [True, False])
def test_of_others_it_says_more(bits, monkeypatch):
    """Answers in bits, of a task with one axis; and another objective."""
    monkeypatch.setitem(OBJECTIVES, "other", OBJECTIVES["classes"])
    kind = Kind("z", "bits" if bits else "other", [["5", "end_exact"]], [Axis("length", "lengths")], [[1, 5]])
    assert kind.as_json()["bits"] is bits
    assert kind.as_json()["axes"] == [["length", "lengths"]]
    assert Kind.from_json(kind.as_json()) == kind


def test_an_objective_that_there_is_not():
    with pytest.raises(ValueError, match="no objective 'nothing'"):
        Kind.from_json({**CLASSES, "objective": "nothing"})
