"""Pictures with a palette."""

import io

import numpy as np
import pytest
from PIL import Image

from src.figures.png import pngs
from src.figures.style import Figure
from src.report.palette import with_palette

pytestmark = pytest.mark.drawn  # a blank picture has few colours


def test_a_picture_with_a_palette_is_smaller_and_looks_the_same():
    figure = Figure()
    figure.colorbar(figure.subplots().imshow(np.random.default_rng(0).random((9, 9)), cmap="jet"))
    before = pngs({"map": figure}, 80)["map"]
    after = with_palette(before)
    assert len(after) < 0.6 * len(before)
    ours, theirs = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (after, before))
    assert ours.shape == theirs.shape
    assert abs(ours - theirs).mean() < 2
    assert with_palette(before) == after


def test_a_small_mark_keeps_its_colour_beside_a_colour_map():
    figure = Figure()
    maps, marks = figure.subplots(1, 2)
    maps.imshow(np.random.default_rng(0).random((90, 90)), cmap="jet")
    marks.axhspan(0, 1, color="0.9")
    for i, colour in enumerate(("#999933", "#AA4499", "#117733", "#D55E00")):
        marks.plot(i, 0, "o", color=colour, markersize=3)
    before = pngs({"map": figure}, 80)["map"]
    ours, theirs = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float)
        for png in (with_palette(before), before)
    )
    assert abs(ours - theirs).max() <= 32
    for area in (255, 230):  # the background, and the span
        assert (theirs == area).all(-1).sum() > 1000
        assert (ours[(theirs == area).all(-1)] == area).all()
