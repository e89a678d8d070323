"""Pictures with more rows or columns than pixels: what is in one place shows the value furthest from 0."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

#: Pixels, at least, of a row and of a column; the frame covers one of the first row and of the last.
LEAST = (2, 1)


def picture(ax: Axes, values: np.ndarray, alpha: np.ndarray | None = None, **style: Any) -> AxesImage:
    """Draw values [rows, columns] as an image that fills the axes, each at its row and column number.

    Args:
        ax: axes whose size is fixed.
        values: to draw; where they are too many, `furthest` of each block.
        alpha: opacity of each value.
        style: of `Axes.imshow`.
    """
    blocks = room(ax, values.shape)
    top, bottom = (len(values) - 0.5, -0.5) if style.get("origin") == "lower" else (-0.5, len(values) - 0.5)
    return ax.imshow(
        furthest(values, blocks),
        alpha=None if alpha is None else furthest(alpha, blocks),
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, values.shape[1] - 0.5, bottom, top),
        **style,
    )


def room(ax: Axes, shape: tuple[int, ...]) -> tuple[int, int]:
    """How many rows and columns of an image of `shape` can be seen in the axes."""
    box = ax.get_window_extent()
    pixels = zip(shape, (box.height, box.width), LEAST, strict=True)
    rows, columns = (min(count, max(1, int(length / least))) for count, length, least in pixels)
    return rows, columns


def furthest(values: np.ndarray, blocks: tuple[int, int]) -> np.ndarray:
    """The value furthest from 0 in each of so many blocks of rows and columns, of nearly equal sizes.

    >>> furthest(np.array([[0.0, 1.0, 0.0], [0.0, -2.0, 0.5]]), (1, 2))
    array([[ 0., -2.]])
    """
    for axis, count in enumerate(blocks):
        starts = np.arange(count) * values.shape[axis] // count
        high, low = (join.reduceat(values, starts, axis) for join in (np.maximum, np.minimum))
        values = np.where(high >= -low, high, low)
    return values
