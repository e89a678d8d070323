"""Heat map by two settings."""

import numpy as np
import pytest

from src.figures.palette import metric_map
from src.figures.settings_map import settings_map

ROWS, COLUMNS = ["0.3", "0.5", "1"], ["relative", "hybrid", "jump", "step"]
VALUES = np.arange(1.0, 13.0).reshape(3, 4)


def panels_of(figure):
    return [ax for ax in figure.axes if ax.images]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_number_in_its_row_and_column(count, draw):
    panels = {f"metric {k}": VALUES * 10**k for k in range(count)}
    figure = settings_map(panels, ROWS, COLUMNS, "sigma_init", "shift", ["metric 1"])
    draw(figure)
    shown = panels_of(figure)
    for k, ax in enumerate(shown):
        values = VALUES * 10**k
        assert ax.get_title() == f"metric {k}"
        assert ax.images[0].get_clim() == (values.min(), values.max())
        assert ax.get_ylim() == (2.5, -0.5)  # the first row above
        assert [tick.get_text() for tick in ax.get_xticklabels()] == COLUMNS
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ROWS
        written = {text.get_position(): float(text.get_text().replace("k", "e3")) for text in ax.texts}
        assert written == {(c, r): values[r, c] for r in range(3) for c in range(4)}
        assert ax.images[0].get_cmap().name == metric_map(more=k == 1)
    bars = [ax for ax in figure.axes if not ax.images]
    assert [bar.get_ylabel() for bar in bars] == ["darker\nis better"] * count
    assert {ax.get_xlabel() for ax in shown[-2:]} == {"shift"}
    assert [ax.get_ylabel() for ax in shown[:2]] == ["sigma_init", ""][:count]


def test_missing_values_are_dashes(draw):
    values = VALUES.copy()
    values[2, 1] = np.nan
    figure = settings_map({"a": values, "b": np.full((3, 4), np.nan)}, ROWS, COLUMNS, "r", "c", [])
    draw(figure)
    a, b = panels_of(figure)
    assert {text.get_position() for text in a.texts if text.get_text() == "-"} == {(1, 2)}
    assert a.images[0].get_array().mask[2, 1]
    assert [text.get_text() for text in b.texts] == ["-"] * 12


def test_long_names_fit(draw):
    names = [f"sigma_init={s} K={k}" for s in (0.3, 0.5, 1, 2, 4) for k in (1, 2)]
    figure = settings_map(
        {"a": np.ones((2, 10)), "b": np.ones((2, 10))}, ["position", "weighting"], names, "carry", "sigma", []
    )
    draw(figure)
    assert {text.get_rotation() for text in panels_of(figure)[0].get_xticklabels()} == {90}
