"""Memory content and heads on shared axes."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from src.figures.memory import HeadTrace, memory
from src.figures.palette import SIGNED

STEPS, SLOTS, WORD = 60, 32, 5


def head(name: str, words_name: str, slots: list[int], random: np.random.Generator) -> HeadTrace:
    """A head that visits these slots in turn, one-hot."""
    weights = np.eye(SLOTS)[np.resize(slots, STEPS)]
    return HeadTrace(name, words_name, random.normal(size=(STEPS, WORD)), weights)


@pytest.fixture
def pair(random: np.random.Generator) -> list[HeadTrace]:
    return [head("write head", "added", [8, 9, 10, 11], random), head("read head", "read", [9, 10], random)]


def panels(figure: Figure) -> dict[str, Axes]:
    return {
        ax.get_title().replace("\n", " "): ax for ax in figure.axes if ax.images and ax.get_title() != "weighting"
    }


def weightings(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_title() == "weighting"]


def test_shows_the_arrays_where_they_belong(
    pair: list[HeadTrace], random: np.random.Generator, draw: Callable[[Figure], object]
) -> None:
    held = random.normal(size=(SLOTS, WORD))
    figure = memory({"at the end": held}, pair, "viridis", {"answer": 12}, "Length 10, Repeat 5")
    draw(figure)
    assert figure.get_suptitle() == "Length 10, Repeat 5"
    by_title, below = panels(figure), weightings(figure)
    assert set(by_title) == {"at the end", "write head: added", "read head: read"}
    # Slots 8 to 11 are used, and two more on either side shown.
    shown = slice(6, 14)
    np.testing.assert_array_equal(by_title["at the end"].images[0].get_array(), held[shown])
    for one, ax in zip(pair, below, strict=True):
        words = by_title[f"{one.name}: {one.words_name}"].images[0]
        np.testing.assert_array_equal(words.get_array(), one.words.T)
        assert tuple(words.get_extent()) == (-0.5, STEPS - 0.5, -0.5, WORD - 0.5)
        np.testing.assert_array_equal(ax.images[0].get_array(), one.weights[:, shown].T)
        assert tuple(ax.images[0].get_extent()) == (-0.5, STEPS - 0.5, 5.5, 13.5)
    assert tuple(by_title["at the end"].images[0].get_extent()) == (-0.5, WORD - 0.5, 5.5, 13.5)
    for ax in [*by_title.values(), *below]:
        (image,) = ax.images
        assert (image.get_interpolation(), image.origin) == ("nearest", "lower")
        assert image.get_cmap().name == ("viridis" if ax in below else SIGNED)


def test_axes_are_shared_and_in_line(pair: list[HeadTrace], draw: Callable[[Figure], object]) -> None:
    figure = memory({"at the end": np.ones((SLOTS, WORD))}, pair)
    draw(figure)
    by_title, (written, read) = panels(figure), weightings(figure)
    held, added = by_title["at the end"], by_title["write head: added"]
    written.set(xlim=(3, 9), ylim=(7, 10))
    assert added.get_xlim() == (3, 9)
    assert held.get_ylim() == read.get_ylim() == (7, 10)
    assert held.get_xlim() == (-0.5, WORD - 0.5)
    assert added.get_ylim() == (-0.5, WORD - 0.5)
    # Beside one another and above one another, to a thousandth of the figure.
    for side in ("y0", "y1"):
        places = [getattr(ax.get_position(), side) for ax in (held, written, read)]
        assert np.ptp(places) < 1e-3
    assert abs(added.get_position().x0 - written.get_position().x0) < 1e-3


def test_one_scale_of_values_and_one_of_weights(pair: list[HeadTrace]) -> None:
    held = np.zeros((SLOTS, WORD))
    held[9, 2] = -7.0
    figure = memory({"a": held, "b": 2 * held}, pair)
    assert {ax.images[0].get_clim() for ax in panels(figure).values()} == {(-14.0, 14.0)}
    assert {ax.images[0].get_clim() for ax in weightings(figure)} == {(0.0, 1.0)}
    assert {ax.get_ylabel() for ax in figure.axes} >= {"Value", "Weight", "Slot", "Element"}


def test_marks_stand_where_their_step_begins(pair: list[HeadTrace], draw: Callable[[Figure], object]) -> None:
    figure = memory({}, pair, marks={"answer": 12, "late": 55})
    draw(figure)
    for ax in [*panels(figure).values(), *weightings(figure)]:
        assert [line.get_xdata()[0] for line in ax.lines] == [11.5, 54.5]
    for ax in panels(figure).values():
        assert {text.get_text(): text.xy[0] for text in ax.texts} == {"answer": 11.5, "late": 54.5}


@pytest.mark.parametrize(("writers", "readers"), [(1, 1), (2, 1), (2, 3), (4, 4)])
def test_several_heads(
    writers: int, readers: int, random: np.random.Generator, draw: Callable[[Figure], FigureCanvasAgg]
) -> None:
    heads = [head(f"write head {n + 1}", "added", [n], random) for n in range(writers)]
    heads += [head(f"read head {n + 1}", "read", [n], random) for n in range(readers)]
    memories = {
        "memory as the\nanswer begins": np.ones((SLOTS, WORD)),
        "memory\nat the end": np.ones((SLOTS, WORD)),
    }
    figure = memory(memories, heads, marks={"answer": 12}, title="Length 10, Repeat 10")
    draw(figure)
    assert len(weightings(figure)) == writers + readers
    lefts = [panels(figure)[f"{one.name}: {one.words_name}"].get_position().x0 for one in heads]
    assert lefts == sorted(lefts)
    assert figure.get_figwidth() <= 11.6


def test_a_stretch_across_slot_0_is_shown_in_one_piece(random: np.random.Generator) -> None:
    held = random.normal(size=(SLOTS, WORD))
    figure = memory({"at the end": held}, [head("read head", "read", [30, 31, 0, 1], random)])
    image = panels(figure)["at the end"].images[0]
    np.testing.assert_array_equal(image.get_array(), held[[28, 29, 30, 31, 0, 1, 2, 3]])
    assert tuple(image.get_extent())[2:] == (-4.5, 3.5)


def test_slots_have_the_numbers_0_to_31_also_before_slot_0(
    random: np.random.Generator, draw: Callable[[Figure], object]
) -> None:
    figure = memory({"m": np.ones((SLOTS, WORD))}, [head("read head", "read", [30, 31, 0, 1], random)])
    draw(figure)
    names = [label.get_text() for label in panels(figure)["m"].get_yticklabels()]
    assert names == ["28", "29", "30", "31", "0", "1", "2", "3"]
