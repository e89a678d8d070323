"""Costs: a line a model and a panel a size, from zero."""

from src.figures.costs import costs_figure
from src.figures.palette import MODELS


def test_lines_from_zero():
    panels = {
        "time steps T": {"ntm": {100: 3.0, 200: 6.0}},
        "batch size B": {"ntm": {1: 1.0}, "gru": {1: 2.0}, "ntm r=2": {1: 3.0}},
    }
    figure = costs_figure(panels, "milliseconds")
    first, second = figure.axes
    assert [tuple(line.get_xydata().ravel()) for line in first.lines] == [(100, 3.0, 200, 6.0)]
    assert [line.get_label() for line in second.lines] == ["ntm", "gru", "ntm r=2"]
    assert [line.get_color() for line in second.lines] == [MODELS["ntm"], MODELS["gru"], MODELS["ntm"]]
    assert [line.get_linestyle() for line in second.lines] == ["-", "-", "--"]
    assert [ax.get_xlabel() for ax in figure.axes] == list(panels)
    assert first.get_ylabel() == "milliseconds"
    assert all(ax.get_xlim()[0] == ax.get_ylim()[0] == 0 for ax in figure.axes)
