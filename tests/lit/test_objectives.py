"""Properties of every objective."""

import math
from itertools import combinations

import numpy as np
import pytest

from src.lit.objective import REQUIRED, Answer, Metric, Objective
from src.lit.objectives import OBJECTIVES, metric, recognised


@pytest.mark.parametrize("one", OBJECTIVES.values(), ids=list(OBJECTIVES))
def test_every_metric_an_objective_names_is_measured(one):
    named = {one.monitor, one.headline, *one.reach, *one.mapped, *([one.solved_by] if one.solved_by else [])}
    assert named <= set(one.names)
    assert len(set(one.names)) == len(one.names)
    assert one.reach
    assert OBJECTIVES[one.name] is one


@pytest.mark.parametrize("pair", list(combinations(OBJECTIVES.values(), 2)), ids=lambda pair: "")
def test_a_metric_is_the_same_in_all_objectives(pair):
    """A report reads a metric by its name alone where it has nothing but runs.csv."""
    first, second = pair
    for name in set(first.names) & set(second.names):
        assert first.metric(name) == second.metric(name) == metric(name)


def test_directions():
    bits, classes = OBJECTIVES["bits"], OBJECTIVES["classes"]
    assert (bits.mode, bits.minimised, bits.to_minimise({"bits": 3.0})) == ("min", "validation bits", 3.0)
    assert (classes.mode, classes.minimised) == ("max", "1 - validation accuracy")
    assert classes.to_minimise({"accuracy": 0.75}) == 0.25
    for nothing in (None, math.nan):  # null is what metrics.json has for it
        assert bits.to_minimise({"bits": nothing}) == math.inf


@pytest.mark.parametrize(
    ("worst", "bounded", "logarithmic", "limits"),
    [
        (1.0, True, False, (0.0, 1.0)),
        (0.0, True, False, (0.0, 1.0)),
        (math.inf, False, True, (0.0, math.inf)),
        (-math.inf, False, False, (-math.inf, math.inf)),
    ],
)
def test_properties_derived_from_the_worst_value(worst, bounded, logarithmic, limits):
    one = Metric("a_share", more=worst < 1, worst=worst)
    assert (one.bounded, one.logarithmic, one.limits, one.label) == (bounded, logarithmic, limits, "a share")


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        *((["update", *one.names], name) for name, one in OBJECTIVES.items()),
        (["error_bits", "end_exact"], "bits"),
        (["error_bits", "exact"], "bits_without_end"),
        (["accuracy"], "classes"),
        (["loss"], None),
        ([], None),
    ],
)
def test_an_objective_is_recognised_by_what_was_measured(measured, name):
    one = recognised(measured)
    assert (one and one.name) == name


def test_an_objective_that_lacks_attributes_is_told_all_of_them():
    members = {name: lambda *_: None for name in Objective.__abstractmethods__}
    given = dict.fromkeys(REQUIRED, "x")
    type("Whole", (Objective,), members | given)()
    del given["monitor"], given["picture"]
    with pytest.raises(TypeError, match=r"^Less lacks monitor, picture, see the docstring of Objective$"):
        type("Less", (Objective,), members | given)()


def test_every_metric_of_generalisation_is_described_for_the_notes_of_tables():
    for one in OBJECTIVES.values():
        assert all(one.metric(name).about for name in one.reach), one.name


def test_the_docstring_of_an_objective_lists_every_member():
    for name in (*REQUIRED, *Objective.__abstractmethods__, *Objective.__annotations__):
        assert f"    {name} (" in Objective.__doc__ or f"    {name}(" in Objective.__doc__


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("asked", "label"), [([0, 1, 1, 0], "Time (steps)"), ([1, 0, 1, 1], "Number of the answer")]
)
def test_the_figure_of_answers_says_whether_they_follow_one_another(asked, label):
    steps = np.zeros((4, 3))
    answer = Answer("", steps, steps, steps, np.array(asked, dtype=bool), None, None, "")
    figure = OBJECTIVES["symbols"].draw([answer], "jet")
    assert figure.axes[1].get_xlabel() == label
