"""Layout of panels and legends."""

import pytest
from matplotlib.lines import Line2D

from src.figures.layout import legend_beside, legend_width, lowest, panel_axes, sequences


@pytest.mark.parametrize(
    ("count", "places", "low"),
    [
        (1, [(0, 0)], [0]),
        (2, [(0, 0), (0, 1)], [0, 1]),
        (3, [(0, 0), (0, 1), (1, 0)], [1, 2]),
        (5, [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)], [3, 4]),
    ],
)
def test_panels_are_placed_row_by_row(count, places, low):
    titles = [f"panel {index}" for index in range(count)]
    figure, axes = panel_axes(titles, 3.0, 2.0)
    spots = [ax.get_subplotspec() for ax in axes]
    assert [(spot.rowspan.start, spot.colspan.start) for spot in spots] == places
    assert [ax.get_title() for ax in axes] == titles
    assert figure.axes == axes
    assert lowest(axes) == [axes[index] for index in low]


def test_a_figure_grows_with_its_panels():
    small, large = (panel_axes(["x"] * count, 3.0, 2.0, 1.5, 0.25)[0] for count in (2, 5))
    assert small.get_size_inches().tolist() == [7.5, 2.25]
    assert large.get_size_inches().tolist() == [7.5, 6.25]
    assert panel_axes(["x"], 3.0, 2.0)[0].get_figwidth() > 3.0


def test_a_legend_fits_beside_the_panels(draw):
    names = ["a", "sigma_init=0.5 carry=position, the jump kept (10)"]
    figure, (ax,) = panel_axes(["x"], 3.0, 2.0, legend_width(names))
    legend_beside(figure, [Line2D([], [], label=name) for name in names])
    draw(figure)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    assert legend.get_window_extent().x0 > ax.get_window_extent().x1
    assert ax.get_window_extent().width / figure.dpi > 2.5


def test_many_sequences_are_counted_in_thousands():
    (few, many) = panel_axes(["a", "b"], 3.0, 2.0)[1]
    sequences(few, 9_999)
    sequences(many, 10_000)
    assert few.xaxis.get_major_formatter()(5_000) != "5k"
    assert many.xaxis.get_major_formatter()(250_000) == "250k"
