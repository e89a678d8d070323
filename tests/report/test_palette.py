"""Pictures with a palette."""

import io

import numpy as np
from PIL import Image

from src.figures.png import pngs
from src.figures.style import Figure
from src.report.palette import with_palette


def test_a_picture_with_a_palette_is_smaller_and_looks_the_same():
    figure = Figure()
    figure.colorbar(figure.subplots().imshow(np.random.default_rng(0).random((9, 9)), cmap="jet"))
    before = pngs({"map": figure}, 80)["map"]
    after = with_palette(before)
    assert len(after) < 0.6 * len(before)
    ours, theirs = (np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (after, before))
    assert ours.shape == theirs.shape
    assert abs(ours - theirs).mean() < 1
    assert with_palette(before) == after
