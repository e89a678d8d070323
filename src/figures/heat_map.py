"""Annotated heat maps: an image, and numbers in its cells."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from .palette import metric_map

#: Colour of cells without a finite number, which is none of those of metrics.
MISSING = "0.88"


def heat_map(
    ax: Axes, values: np.ndarray, more: bool, limits: tuple[float, float] | None = None, origin: str = "lower"
) -> AxesImage:
    """Draw the image, one colour per cell: the better, the darker; cells without a finite number are grey.

    Args:
        ax: axes to draw into.
        values: [rows, columns].
        more: whether more is better.
        limits: of the colour scale; those of the finite values if None.
        origin: "lower" for the first row at the bottom, "upper" for the top.
    """
    known = np.ma.masked_invalid(values)
    low, high = limits or (None, None)
    ax.set_facecolor(MISSING)
    return ax.imshow(
        known,
        cmap=metric_map(more),
        vmin=low,
        vmax=high,
        aspect="auto",
        interpolation="nearest",
        origin="lower" if origin == "lower" else "upper",
    )


def write(ax: Axes, image: AxesImage, values: np.ndarray, missing: str = "") -> None:
    """Write the numbers in black or white, by contrast; call it after the colour bar, which may change the scale.

    Args:
        ax: axes of the image.
        image: of the same values.
        values: [rows, columns].
        missing: text for NaN.
    """
    for (row, column), value in np.ndenumerate(values):
        text = missing if np.isnan(value) else short(value)
        if text:
            red, green, blue, _ = image.to_rgba(value) if np.isfinite(value) else (1.0, 1.0, 1.0, 1.0)
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            colour = "white" if dark else "black"
            ax.text(column, row, text, color=colour, ha="center", va="center", fontsize="small")


def short(value: float) -> str:
    """A number in about six characters.

    >>> [short(value) for value in (0.0, 0.5, 12.34, 248_310.0, 1.5e6, 0.02468, 0.000433, float("inf"))]
    ['0', '0.5', '12.3', '248k', '1.5M', '0.025', '4e-4', 'inf']
    """
    size = abs(value)
    if not 0 < size < float("inf"):
        return f"{value:g}"
    if size >= 10_000:
        return f"{value / 1e6:.3g}M" if size >= 999_500 else f"{value / 1e3:.3g}k"
    if size < 0.001:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.2g}" if size < 0.1 else f"{value:.3g}"


def finite_limits(*values: np.ndarray) -> tuple[float, float] | None:
    """The least and the greatest finite value of all arrays; None if there is none."""
    known = np.concatenate([np.ravel(one) for one in values]) if values else np.zeros(0)
    known = known[np.isfinite(known)]
    return (float(known.min()), float(known.max())) if known.size else None
