"""Bars: one a name and panel, on a logarithmic scale."""

from matplotlib.colors import to_hex

from src.figures.bars import bars
from src.figures.palette import MODELS


def test_a_bar_for_every_number():
    figure = bars(["lstm", "ntm r=2"], {"batch 1": [200.0, 4.5], "batch 16": [1000.0, 90.0]}, "sequences a second")
    first, second = figure.axes
    assert [[bar.get_width() for bar in ax.patches] for ax in (first, second)] == [[200.0, 4.5], [1000.0, 90.0]]
    assert [ax.get_title() for ax in (first, second)] == ["batch 1", "batch 16"]
    assert [label.get_text() for label in first.get_yticklabels()] == ["lstm", "ntm r=2"]
    assert [to_hex(bar.get_facecolor()).upper() for bar in first.patches] == [MODELS["lstm"], MODELS["ntm"]]
    assert first.get_xscale() == "log"
    assert first.yaxis_inverted()
    assert [text.get_text() for text in second.texts] == ["1000", "90"]
    assert figure.get_supxlabel() == "sequences a second"
