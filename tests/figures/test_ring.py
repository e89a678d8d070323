"""Slots on an axis: the stretch in use, and its ticks."""

import numpy as np
import pytest

from src.figures.ring import slot_ticks, stretch

SLOTS = 32


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([8], (6, 5)),
        ([0], (-2, 5)),
        ([31], (-3, 5)),
        ([30, 31, 0, 1], (-4, 8)),
        ([0, 16], (-2, 21)),
        ([2, 27], (-7, 12)),
        ([], (0, SLOTS)),
        (range(SLOTS), (0, SLOTS)),
        (range(0, SLOTS, 4), (0, SLOTS)),
    ],
)
def test_the_shortest_stretch_of_the_ring(used: list[int], expected: tuple[int, int]) -> None:
    most = np.zeros(SLOTS)
    most[list(used)] = 0.5
    assert stretch(most) == expected


@pytest.mark.parametrize(
    ("first", "count", "slots", "most", "names"),
    [
        (0, 8, 8, 10, "0 1 2 3 4 5 6 7"),
        (6, 30, 128, 10, "10 15 20 25 30 35"),
        (-4, 8, 32, 10, "28 29 30 31 0 1 2 3"),
        (-20, 60, 128, 6, "110 120 0 10 20 30"),
        (-13, 40, 101, 10, "90 95 0 5 10 15 20 25"),
        (0, 128, 128, 6, "0 50 100"),
    ],
)
def test_ticks_have_the_numbers_of_slots(first: int, count: int, slots: int, most: int, names: str) -> None:
    at, labels = slot_ticks(first, count, slots, most)
    assert list(labels) == names.split()
    assert [one % slots for one in at] == list(map(int, labels))
    assert first <= at[0] <= at[-1] < first + count
    assert min(np.diff(at)) >= 0.7 * np.median(np.diff(at))
