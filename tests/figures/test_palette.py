"""Colours by position and by label."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from src.figures.palette import colour, colours

#: Viénot, Brettel and Mollon 1999: linear RGB as a deuteranope sees it.
DEUTERANOPIA = np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]])


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 10, 13])
def test_all_colours_differ_for_the_colour_blind_too(count):
    names = [colour(position, count) for position in range(count)]
    assert all(len(name) == 7 and name[0] == "#" for name in names)
    for sight in (np.eye(3), DEUTERANOPIA):
        seen = [sight @ np.array(to_rgb(name)) ** 2.2 for name in names]
        assert all(np.abs(a - b).max() > 0.02 for a, b in combinations(seen, 2))


def test_up_to_eight_a_colour_does_not_depend_on_how_many_there_are():
    assert [colour(2, count) for count in (3, 5, 8)] == ["#009E73"] * 3
    assert colour(2, 9) != "#009E73"


def test_beyond_eight_they_go_from_dark_to_light():
    shades = [sum(to_rgb(colour(position, 12))) for position in range(12)]
    assert shades == sorted(shades)


def test_colours_belong_to_labels():
    assert colours(["b", "a", "b"]) == {"b": colour(0, 2), "a": colour(1, 2)}
    whole = colours(["a", "b", "c"])
    assert colours(["c", "b"], order=["a", "b", "c"]) == whole
    assert colours(["d", "a"], order=["a", "b", "c"])["d"] == colour(3, 4)
    assert colours([]) == {}


@pytest.mark.parametrize("position", [-1, 3])
def test_there_are_as_many_as_asked_for(position):
    with pytest.raises(ValueError, match=f"position {position} of 3 colours: must be from 0 to 2"):
        colour(position, 3)
