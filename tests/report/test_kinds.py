"""TableKind in report.json, including older files without the keys `objective` and `axes`."""

import json

import pytest

from src.lit.objectives import OBJECTIVES
from src.report.kinds import TableKind
from src.tasks.base import Axis

BITS = {"told": "x", "bits": True, "headlines": [["10x20", "payload_error"]], "trained": [[1, 5], [1, 10]]}
CLASSES = {"told": "y", "bits": False, "headlines": [["test", "accuracy"]], "trained": None}


@pytest.mark.parametrize(
    ("content", "objective", "axes"),
    [(BITS, "bits", [Axis("length", "lengths"), Axis("repeats", "repeats")]), (CLASSES, "classes", [])],
)
def test_bits_and_classes_keep_the_older_format(content, objective, axes):
    kind = TableKind.from_json(content)
    assert (kind.objective, list(kind.axes)) == (objective, axes)
    assert kind.as_json() == content
    assert kind.solvable is content["bits"]


@pytest.mark.parametrize("bits", [True, False])
def test_other_kinds_have_more_keys(bits, monkeypatch):
    """Answers in bits, of a task with one axis; and another objective."""
    monkeypatch.setitem(OBJECTIVES, "other", OBJECTIVES["classes"])
    kind = TableKind("z", "bits" if bits else "other", [["5", "end_exact"]], [Axis("length", "lengths")], [[1, 5]])
    assert kind.as_json()["bits"] is bits
    assert kind.as_json()["axes"] == [["length", "lengths"]]
    assert "baselines" not in kind.as_json()
    assert TableKind.from_json(kind.as_json()) == kind
    more = kind._replace(axes=[Axis("hops", "hops", named=True)], baselines={"hops5": {"optimum": {"loss": 0.5}}})
    assert json.loads(json.dumps(more.as_json()))["axes"] == [["hops", "hops", True]]
    assert TableKind.from_json(json.loads(json.dumps(more.as_json()))) == more


def test_further_axes():
    """Sets that vary one thing alone have the title of its axis, and figures over it."""
    length, distance = (Axis(name, f"{name}s", named=True) for name in ("length", "distance"))
    headlines = [["in_distribution", "error_bits"]]
    kind = TableKind("", "bits", headlines, [length], [[4, 16]], {}, [(distance, [1, 2, 4])])
    assert "further" not in kind._replace(further=[]).as_json()
    again = TableKind.from_json(json.loads(json.dumps(kind.as_json())))
    assert again == kind
    tests = ["in_distribution", "length32", "distance3", "distance3 with 64 slots"]
    titles = ["in distribution", "length 32", "distance 3", "distance 3 with 64 slots"]
    assert [again.title(test) for test in tests] == titles
    ((name, along),) = again.along_further_axes().items()
    assert (name, along.cells(tests)) == ("_distance", {"distance3": (3,)})


def test_the_chance_of_a_metric_stands_in_for_that_of_the_task_where_asked():
    kind = TableKind("", "bits", [], baselines={"a": {"chance": {"payload_error": 0.25}}})
    assert [kind.baseline("chance", test, "payload_error") for test in "ab"] == [0.25, 0.5]
    assert [kind.baseline("chance", test, "payload_error", fallback=False) for test in "ab"] == [0.25, None]
    assert kind.baseline("optimum", "b", "payload_error") is None


def test_an_unknown_objective():
    with pytest.raises(ValueError, match="no objective 'nothing'"):
        TableKind.from_json({**CLASSES, "objective": "nothing"})
