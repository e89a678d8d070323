"""Importance: a bar a setting, the greatest above, a panel a model."""

from matplotlib.colors import to_hex

from src.figures.importance import importance
from src.figures.palette import MODELS


def test_a_bar_for_every_setting_of_every_model():
    figure = importance({"ntm": {"a": 0.25, "lr": 0.75}, "dms_ntm": {"sigma": 1.0}}, "share")
    first, second = figure.axes
    assert [bar.get_width() for bar in first.patches] == [0.75, 0.25]
    assert [label.get_text() for label in first.get_yticklabels()] == ["lr", "a"]
    assert [text.get_text() for text in first.texts] == ["0.75", "0.25"]
    assert [label.get_text() for label in second.get_yticklabels()] == ["sigma"]
    assert [ax.get_title() for ax in (first, second)] == ["ntm", "dms_ntm"]
    assert [to_hex(ax.patches[0].get_facecolor()).upper() for ax in (first, second)] == [
        MODELS["ntm"],
        MODELS["dms_ntm"],
    ]
    assert first.yaxis_inverted()
    assert figure.get_supxlabel() == "share"
