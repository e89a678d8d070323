"""Outputs of several models on the same sequences."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from src.figures.comparison import ComparisonRow, comparison
from src.figures.palette import colours
from src.figures.seeds import SeedGroup
from src.figures.target_output import TargetOutputPanel

CHANNELS = 5


def panel(title, steps, random):
    return TargetOutputPanel(
        title, random.integers(0, 2, (steps, CHANNELS)).astype(float), random.random((steps, CHANNELS))
    )


def make_rows(models, titles, random):
    return [
        ComparisonRow(f"{model}, seed 3", [panel(title, 20 + 3 * k, random) for k, title in enumerate(titles)])
        for model in models
    ]


def make_groups(models, titles, random):
    return {title: [SeedGroup(m, random.random(6), 0.5, (0.2, 0.8)) for m in models] for title in titles}


def images(figure):
    """Axes of images in order of creation: targets, outputs, targets, outputs ..., row by row."""
    return [ax for ax in figure.axes if ax.images]


def strips(figure):
    return [ax for ax in figure.axes if ax.lines and not ax.images]


@pytest.mark.parametrize(("count", "cells"), [(1, 1), (2, 3), (7, 2), (3, 1)])
def test_every_picture_in_its_row_and_column(count, cells, random, draw):
    models, titles = [f"model {k}" for k in range(count)], [f"Length {k}, Repeat 9" for k in range(cells)]
    rows = make_rows(models, titles, random)
    groups = make_groups(models, titles, random)
    figure = comparison(rows, groups, "payload error")
    draw(figure)
    axes = images(figure)
    assert len(axes) == 2 * count * cells
    for index, (above, below) in enumerate(zip(axes[::2], axes[1::2], strict=True)):
        row, column = divmod(index, cells)
        np.testing.assert_array_equal(above.images[0].get_array(), rows[row].panels[column].targets.T)
        np.testing.assert_array_equal(below.images[0].get_array(), rows[row].panels[column].outputs.T)
        assert above.get_title() == titles[column]
        said = [text.get_text() for text in above.texts if text.get_text().strip()]
        assert said == ([f"model {row}, seed 3"] if column == 0 else [])
        assert (above.get_ylabel(), below.get_ylabel()) == (("Targets", "Outputs") if column == 0 else ("", ""))
        assert below.get_xlabel() == ("Time (steps)" if row == count - 1 else "")
        assert above.get_position().y0 > below.get_position().y1
        assert above.get_position().x0 == pytest.approx(axes[2 * column].get_position().x0)
    lefts = [ax.get_position().x0 for ax in axes[: 2 * cells : 2]]
    tops = [ax.get_position().y0 for ax in axes[:: 2 * cells]]
    assert lefts == sorted(lefts)
    assert tops == sorted(tops, reverse=True)
    assert figure.get_figwidth() * 150 <= 1600


def test_long_labels_are_wrapped_and_leave_the_images_as_wide(random, draw):
    titles = ["Length 10, Repeat 20", "Length 20, Repeat 10"]
    widths = []
    for models in (["ntm", "gru"], ["dms_ntm " + " ".join(f"setting{k}=[false,true]" for k in range(9)), "gru"]):
        rows = make_rows(models, titles, random)
        figure = comparison(rows, make_groups(models, titles, random), "payload error")
        draw(figure)
        widths.append([ax.get_position().width for ax in images(figure)])
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert images(figure)[0].texts[0].get_text().count("\n") > 2
    assert "\n" in strips(figure)[-1].get_xticklabels()[0].get_text()


def test_answers_that_are_not_in_time_are_numbered(random):
    rows = [ComparisonRow(name, [panel("a", 4, random)._replace(in_time=False)]) for name in ("ntm", "gru")]
    assert [ax.get_xlabel() for ax in images(comparison(rows, {}, "y"))] == ["", "", "", "Number of the answer"]


def test_one_colour_scale_from_0_to_1_with_one_bar(random):
    rows = make_rows(["a", "b"], ["x", "y"], random)
    rows[0].panels[0].outputs[:] = 0.4
    figure = comparison(rows, {}, "payload error", cmap="cividis")
    assert {ax.images[0].get_clim() for ax in images(figure)} == {(0.0, 1.0)}
    assert {ax.images[0].get_cmap().name for ax in images(figure)} == {"cividis"}
    (bar,) = (ax for ax in figure.axes if not ax.images)
    assert bar.get_ylim() == (0.0, 1.0)


def test_a_strip_a_cell_beside_the_pictures(random, draw):
    models, titles = ["ntm", "dms_ntm", "gru"], ["Length 10, Repeat 20", "Length 20, Repeat 10"]
    groups = make_groups(models, titles, random)
    figure = comparison(make_rows(models[:2], titles, random), groups, "payload error", order=["lstm", "gru"])
    draw(figure)
    first, second = strips(figure)
    expected = colours(models, ["lstm", "gru"])
    for ax, title in zip((first, second), titles, strict=True):
        assert (ax.get_title(), ax.get_ylabel()) == (title, "payload error")
        dots = [line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())]
        for line, group in zip(dots, groups[title], strict=True):
            np.testing.assert_array_equal(line.get_ydata(), group.values)
            assert same_color(line.get_color(), expected[group.label])
        assert ax.get_position().x0 > max(picture.get_position().x1 for picture in images(figure))
    assert first.get_position().y0 > second.get_position().y1
    assert [text.get_text() for text in second.get_xticklabels()] == models
    assert not first.xaxis.get_tick_params()["labelbottom"]


def test_pictures_of_many_channels_are_bounded(random):
    many = TargetOutputPanel("cell", np.zeros((5, 128)), np.zeros((5, 128)), end=False)
    figure = comparison([ComparisonRow(model, [many]) for model in ("ntm", "gru")], {}, "accuracy")
    assert figure.get_figheight() == pytest.approx(0.8 + 2 * (0.9 + 4.0))


def test_strips_have_one_scale_that_holds_all_values(random):
    groups = make_groups(["ntm", "gru"], ["easy", "hard"], random)
    far = {"centre": 7.5, "interval": (7.2, 7.8)}
    groups["hard"] = [group._replace(values=group.values + 7, **far) for group in groups["hard"]]
    first, second = strips(comparison(make_rows(["ntm"], ["easy", "hard"], random), groups, "bits"))
    assert first.get_ylim() == second.get_ylim()
    low, high = first.get_ylim()
    for group in (*groups["easy"], *groups["hard"]):
        assert low < group.values.min()
        assert group.values.max() < high


def test_strips_keep_their_height_beside_many_rows(random, draw):
    models = [f"sigma_init={s} carry={c}" for s in (0.5, 1, 2) for c in ("position", "weighting")]
    titles = ["Length 10, Repeat 20", "Length 20, Repeat 10"]
    figure = comparison(make_rows(models, titles, random), make_groups(models, titles, random), "payload error")
    draw(figure)
    heights = [ax.get_position().height * figure.get_figheight() for ax in strips(figure)]
    assert 1.2 < min(heights) <= max(heights) < 3.5


def test_every_row_has_the_same_cells(random):
    rows = [*make_rows(["a"], ["x", "y"], random), *make_rows(["b"], ["y", "x"], random)]
    with pytest.raises(ValueError, match="b, seed 3: the cells of every row are x, y"):
        comparison(rows, {}, "payload error")
