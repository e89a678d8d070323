"""Weightings of the heads over time."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from src.figures.head_weights import head_weights

STEPS, SLOTS, NAMES = 114, 32, ("write head", "read head 1", "read head 2")


def marching(speeds: list[float]) -> np.ndarray:
    """[T, H, N]: each head with a Gaussian focus that moves by its speed a step."""
    positions = np.arange(STEPS)[:, None, None] * np.array(speeds)[:, None] % SLOTS
    weights = np.exp(-((np.arange(SLOTS) - positions) ** 2))
    return weights / weights.sum(2, keepdims=True)


def heads(figure: Figure) -> list[Axes]:
    return [ax for ax in figure.axes if ax.images]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_shows_every_head_in_its_row(count: int, draw: Callable[[Figure], object]) -> None:
    weights = marching([1.0, 0.5, 0.0][:count])
    figure = head_weights(weights, NAMES[:count])
    draw(figure)
    axes = heads(figure)
    assert len(axes) == count
    for head, ax in enumerate(axes):
        image = ax.images[0]
        np.testing.assert_array_equal(image.get_array(), weights[:, head].T)
        assert ax.get_ylabel() == f"{NAMES[head]}\nslot"
        # Slots upwards, time to the right, a unit a slot and a step.
        assert ax.get_xlim() == (-0.5, STEPS - 0.5)
        assert ax.get_ylim() == (-0.5, SLOTS - 0.5)
        assert tuple(image.get_extent()) == (-0.5, STEPS - 0.5, -0.5, SLOTS - 0.5)
        assert image.get_interpolation() == "nearest"
    tops = [ax.get_position().y1 for ax in axes]
    assert tops == sorted(tops, reverse=True)
    assert [ax.get_xlabel() for ax in axes] == [""] * (count - 1) + ["Time (steps)"]
    assert figure.get_figwidth() * 150 <= 1600


def test_one_colour_scale_from_0_to_1_with_one_bar() -> None:
    figure = head_weights(marching([1.0, 0.5]) / 3, NAMES[:2], cmap="viridis")
    for ax in heads(figure):
        assert ax.images[0].get_clim() == (0.0, 1.0)
        assert ax.images[0].get_cmap().name == "viridis"
    (bar,) = (ax for ax in figure.axes if not ax.images)
    assert bar.get_ylabel() == "Weight"
    assert heads(head_weights(marching([1.0]), NAMES[:1]))[0].images[0].get_cmap().name == "jet"


def test_axes_are_shared() -> None:
    first, second = heads(head_weights(marching([1.0, 0.5]), NAMES[:2]))
    second.set(xlim=(3, 9), ylim=(2, 7))
    assert (first.get_xlim(), first.get_ylim()) == ((3, 9), (2, 7))


def test_no_marks_draw_no_lines() -> None:
    for ax in heads(head_weights(marching([1.0, 0.5]), NAMES[:2])):
        assert len(ax.lines) == len(ax.texts) == 0


def test_marks_stand_where_their_step_begins_and_are_named_once(draw: Callable[[Figure], object]) -> None:
    figure = head_weights(marching([1.0, 0.5]), NAMES[:2], marks={"answer begins": 12, "delimiter": 60})
    draw(figure)
    first, second = heads(figure)
    for ax in (first, second):
        assert sorted(line.get_xdata()[0] for line in ax.lines) == [11.5, 59.5]
    assert {text.get_text(): text.xy[0] for text in first.texts} == {"answer begins": 11.5, "delimiter": 59.5}
    assert not second.texts


@pytest.mark.parametrize(
    "marks",
    [
        {"delimiter": 10, "repeat count": 11, "answer": 12, "end": 113},
        {"end of the answer": 113, "a step before the end": 112},
        {"a": 10, "a rather long name of a step": 11, "b": 13, "c": 40, "d": 41},
        {"one": 20, "another of the same step": 20},
    ],
)
def test_close_marks_stay_readable(marks: dict[str, int], draw: Callable[[Figure], FigureCanvasAgg]) -> None:
    figure = head_weights(marching([1.0, 0.5]), NAMES[:2], marks=marks)
    renderer = draw(figure).get_renderer()
    labels = heads(figure)[0].texts
    assert {label.get_text() for label in labels} == set(marks)
    leaders = [(text, text.arrow_patch.get_window_extent(renderer)) for text in labels if text.arrow_patch]
    assert leaders
    for text, leader in leaders:
        for other in labels:
            if other is not text:
                # The box of the text only: that of an annotation includes its leader line.
                box = type(other).__mro__[1].get_window_extent(other, renderer)
                assert not box.padded(-1).overlaps(leader), f"{text.get_text()} crosses {other.get_text()}"


def test_as_many_names_as_heads() -> None:
    with pytest.raises(ValueError, match="zip"):
        head_weights(marching([1.0, 0.5]), NAMES[:1])
