"""Targets above outputs."""

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from src.figures.target_output import TargetOutputPanel, consecutive, target_output

CHANNELS = 9
SIZES = [(10, 10), (10, 20), (20, 10), (10, 30), (20, 20)]


def make_panel(length: int, repeats: int, random: np.random.Generator) -> TargetOutputPanel:
    targets = np.zeros((length * repeats + 1, CHANNELS))
    targets[:-1, :-1] = np.tile(random.integers(0, 2, (length, CHANNELS - 1)), (repeats, 1))
    targets[-1, -1] = 1.0
    outputs = np.clip(targets + random.normal(0.0, 0.1, targets.shape), 0.0, 1.0)
    return TargetOutputPanel(f"Length {length}, Repeat {repeats}", targets, outputs)


def images(figure: Figure) -> list[Axes]:
    """Axes with a panel's image, as they were made: targets, outputs, targets, outputs, ..."""
    return [ax for ax in figure.axes if ax.get_ylabel()]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shows_every_panel(count: int, random: np.random.Generator, draw: Callable[[Figure], object]) -> None:
    panels = [make_panel(*size, random) for size in SIZES[:count]]
    figure = target_output(panels)
    draw(figure)
    axes = images(figure)
    assert len(axes) == 2 * count
    for panel, above, below in zip(panels, axes[::2], axes[1::2], strict=True):
        np.testing.assert_array_equal(above.images[0].get_array(), panel.targets.T)
        np.testing.assert_array_equal(below.images[0].get_array(), panel.outputs.T)
        assert (above.get_title(), below.get_title()) == (panel.title, "")
        assert (above.get_ylabel(), below.get_ylabel()) == ("Targets", "Outputs")
        assert (above.get_xlabel(), below.get_xlabel()) == ("", "Time (steps)")
    assert figure.get_figwidth() * 150 <= 1600


def test_targets_are_above_outputs_over_the_same_time(random: np.random.Generator) -> None:
    above, below = images(target_output([make_panel(4, 3, random)]))
    assert above.get_position().y0 > below.get_position().y1
    assert above.get_position().x0 == below.get_position().x0
    assert above.get_position().x1 == below.get_position().x1
    assert above.get_xlim() == below.get_xlim() == (-0.5, 12.5)
    below.set_xlim(2, 5)
    assert above.get_xlim() == (2, 5)


def test_channels_of_all_panels_have_one_height(random: np.random.Generator) -> None:
    for count in (1, 2, 5):
        figure = target_output([make_panel(*size, random) for size in SIZES[:count]])
        for ax in images(figure):
            assert ax.get_position().height * figure.get_figheight() / CHANNELS == pytest.approx(0.12)


def test_the_last_of_an_odd_number_of_panels_takes_both_columns(random: np.random.Generator) -> None:
    axes = images(target_output([make_panel(*size, random) for size in SIZES[:3]]))
    left, right, wide = (ax.get_position() for ax in axes[::2])
    assert (left.y0, left.x0) == (right.y0, wide.x0)
    assert left.x1 < right.x0
    assert right.x1 == pytest.approx(wide.x1)
    assert wide.y1 < axes[1].get_position().y0


def test_the_end_marker_is_last_from_the_top_and_set_apart(random: np.random.Generator) -> None:
    for ax in images(target_output([make_panel(4, 3, random)])):
        assert ax.get_ylim() == (CHANNELS - 0.5, -0.5)
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", "end"]
        np.testing.assert_array_equal(ax.get_yticks(), [0, CHANNELS - 1])
        (line,) = ax.lines
        np.testing.assert_array_equal(line.get_ydata(), [CHANNELS - 1.5] * 2)


def test_without_an_end_marker_no_channel_is_set_apart(random: np.random.Generator) -> None:
    for ax in images(target_output([make_panel(4, 3, random)._replace(end=False)])):
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", str(CHANNELS)]
        assert not ax.lines


def plain(steps: int, channels: int) -> TargetOutputPanel:
    return TargetOutputPanel("plain", np.zeros((steps, channels)), np.zeros((steps, channels)), end=False)


def test_images_of_many_channels_are_bounded_and_their_labels_do_not_touch() -> None:
    figure = target_output([plain(5, 128)])
    assert [ax.get_position().height * figure.get_figheight() for ax in images(figure)] == pytest.approx(
        [2.4, 2.4]
    )
    figure.draw_without_rendering()
    last, first = (ax.get_yticklabels()[i] for ax, i in zip(images(figure), (-1, 0), strict=True))
    assert (last.get_text(), first.get_text()) == ("128", "1")
    assert last.get_window_extent().y0 >= first.get_window_extent().y1


def test_a_single_channel_has_no_number_and_a_single_step_an_integer() -> None:
    figure = target_output([plain(1, 1)])
    assert not any(ax.get_yticklabels() for ax in images(figure))
    assert all(tick == int(tick) for tick in images(figure)[1].get_xticks())


def test_one_colour_scale_from_0_to_1_with_one_bar(random: np.random.Generator) -> None:
    faint = TargetOutputPanel("faint", np.full((7, 3), 0.4), np.full((7, 3), 0.6))
    figure = target_output([faint, TargetOutputPanel("none", np.zeros((5, 3)), np.zeros((5, 3)))], cmap="cividis")
    for ax in images(figure):
        assert ax.images[0].get_clim() == (0.0, 1.0)
        assert ax.images[0].get_cmap().name == "cividis"
        assert ax.images[0].get_interpolation() == "nearest"
    (bar,) = (ax for ax in figure.axes if not ax.get_ylabel())
    assert bar.get_ylim() == (0.0, 1.0)
    assert images(target_output([make_panel(2, 3, random)]))[0].images[0].get_cmap().name == "jet"


def test_draws_the_marker_alone(draw: Callable[[Figure], object]) -> None:
    figure = target_output([TargetOutputPanel("Length 1, Repeat 11", np.zeros((12, 2)), np.ones((12, 2)))])
    draw(figure)
    assert images(figure)[1].images[0].get_array().shape == (2, 12)


def test_answers_that_are_not_in_time_are_numbered_from_1(random: np.random.Generator) -> None:
    panels = [make_panel(2, 3, random), make_panel(2, 3, random)._replace(in_time=False)]
    _, steps, above, below = images(target_output(panels))
    assert (steps.get_xlabel(), below.get_xlabel()) == ("Time (steps)", "Number of the answer")
    assert steps.get_xlim() == (-0.5, 6.5)
    assert above.get_xlim() == below.get_xlim() == (0.5, 7.5)
    assert below.get_ylim() == steps.get_ylim()


@pytest.mark.parametrize(("steps", "expected"), [([3, 4, 5], True), ([3, 5, 6], False), ([7], True), ([], True)])
def test_consecutive_steps(steps: list[int], expected: bool) -> None:
    assert consecutive(np.array(steps)) is expected
