"""Checks of values: each refusal names key, value and what is allowed."""

import math

import pytest

from src.common import checks


def refused(text, function, *arguments, **bounds):
    with pytest.raises(checks.Refusal) as refusal:
        function(*arguments, **bounds)
    assert str(refusal.value) == text


def test_a_refusal_is_a_value_error():
    error = checks.refuse("a.b", "x", "y or z")
    assert isinstance(error, ValueError)
    assert str(error) == "a.b='x': must be y or z"


@pytest.mark.parametrize("value", ["abc", "3", 2.5, 3.0, True, False, None, [3], math.nan, math.inf, 0, -3])
def test_integer_refuses(value):
    refused(f"n={value!r}: must be an integer of at least 1", checks.integer, "n", value)


@pytest.mark.parametrize("value", [1, 6, "abc", 3.0, True])
def test_integer_between_bounds_refuses(value):
    allowed = "an integer of at least 2 and at most 5"
    refused(f"n={value!r}: must be {allowed}", checks.integer, "n", value, 2, 5)


def test_integer_accepts_its_bounds():
    assert checks.integer("n", 1) == 1
    assert [checks.integer("n", n, 2, 5) for n in (2, 3, 5)] == [2, 3, 5]
    assert checks.integer("n", -4, least=-4) == -4
    assert checks.integer("n", 0, least=0) == 0
    assert checks.integer("n", 10**30) == 10**30


WRONG = ["abc", "1.0", None, True, False, [1.0], math.nan, math.inf, -math.inf]
WRONG.append(pytest.param(10**400, id="10**400"))  # no float holds it


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(
    ("bounds", "allowed"),
    [
        ({}, "a finite number"),
        ({"above": 0}, "a finite number above 0"),
        ({"least": 0, "below": 1}, "a finite number of at least 0 and below 1"),
        ({"above": -0.5, "most": 2.5}, "a finite number above -0.5 and of at most 2.5"),
    ],
)
def test_number_refuses_other_types_and_infinities(value, bounds, allowed):
    refused(f"x={value!r}: must be {allowed}", checks.number, "x", value, **bounds)


@pytest.mark.parametrize(
    ("bounds", "value", "allowed"),
    [
        ({"above": 0}, 0, "above 0"),
        ({"above": 0}, -0.1, "above 0"),
        ({"least": 0}, -1e-9, "of at least 0"),
        ({"below": 1}, 1.0, "below 1"),
        ({"below": 1}, 7, "below 1"),
        ({"most": 1}, 1.5, "of at most 1"),
        ({"least": 0, "most": 1}, 2, "of at least 0 and of at most 1"),
        ({"above": 0, "below": 1}, 0.0, "above 0 and below 1"),
    ],
)
def test_number_refuses_values_out_of_bounds(bounds, value, allowed):
    refused(f"x={value!r}: must be a finite number {allowed}", checks.number, "x", value, **bounds)


def test_number_accepts_its_bounds_and_returns_a_float():
    assert checks.number("x", 0, least=0) == 0.0
    assert checks.number("x", 1.0, most=1) == 1.0
    assert checks.number("x", 1e-300, above=0) == 1e-300
    assert checks.number("x", -3) == -3.0
    assert type(checks.number("x", 3)) is float


@pytest.mark.parametrize("value", ["abc", "Adam", None, True, 0, 1.0, ["adam"]])
def test_choice_refuses(value):
    hint = "; did you mean 'adam'?" if value == "Adam" else ""
    refused(f"kind={value!r}: must be one of adam, sgd, 1{hint}", checks.choice, "kind", value, ("adam", "sgd", 1))


def test_choice_accepts_each():
    for value in ("adam", "sgd", 1):
        assert checks.choice("kind", value, ("adam", "sgd", 1)) is value


@pytest.mark.parametrize("value", ["true", 1, 0, None, 1.0])
def test_flag(value):
    refused(f"on={value!r}: must be true or false", checks.flag, "on", value)
    assert checks.flag("on", True) is True
    assert checks.flag("on", False) is False


@pytest.mark.parametrize("value", ["12", "", [], (), None, 3, {1, 2}, {1: 2}])
def test_integers_refuses_anything_but_a_list(value):
    refused(f"sizes={value!r}: must be a list of integers of at least 2", checks.integers, "sizes", value, 2)


@pytest.mark.parametrize("one", ["3", 2.5, True, 0, 1, None])
def test_integers_names_the_wrong_entry(one):
    refused(f"sizes[1]={one!r}: must be an integer of at least 2", checks.integers, "sizes", [7, one], 2)


def test_integers_accepts():
    assert checks.integers("sizes", [1, 5]) == [1, 5]
    assert checks.integers("sizes", (2,), 2) == [2]


def test_span():
    assert checks.span("length", 2, 5) == (2, 5)
    assert checks.span("length", 4, 4) == (4, 4)
    refused("min_length=6: must be at most max_length=5", checks.span, "length", 6, 5)
    refused("min_repeats=0: must be an integer of at least 1", checks.span, "repeats", 0, 5)
    refused("max_repeats=2.5: must be an integer of at least 1", checks.span, "repeats", 1, 2.5)
