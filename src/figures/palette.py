"""Colour palette for labels, distinguishable with colour blindness."""

from collections.abc import Iterable

from matplotlib import colormaps
from matplotlib.colors import to_hex

#: Okabe and Ito 2008, https://jfly.uni-koeln.de/color/; yellow, faint on white, comes last.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000", "#F0E442")
#: Upper end of viridis that is used: beyond it, colours are too faint.
VIRIDIS = 0.93


def colour(position: int, count: int) -> str:
    """The colour of one of `count` labels, as #rrggbb: Okabe and Ito's for up to eight, else samples of viridis.

    >>> colour(0, 3), colour(0, 9)
    ('#0072B2', '#440154')

    Args:
        position: 0..count - 1.
        count: how many colours there are in all.

    Raises:
        ValueError: the position is out of range.
    """
    if not 0 <= position < count:
        raise ValueError(f"position {position} of {count} colours: must be from 0 to {count - 1}")
    if count <= len(OKABE_ITO):
        return OKABE_ITO[position]
    return to_hex(colormaps["viridis"](VIRIDIS * position / (count - 1)))


def colours(labels: Iterable[str], order: Iterable[str] = ()) -> dict[str, str]:
    """A colour for every label, by its place in `order` and then by first appearance.

    Args:
        labels: of one figure, repeated or not.
        order: labels of all figures of a set; the same order gives a label the same colour in each.
    """
    names = list(dict.fromkeys([*order, *labels]))
    return {name: colour(position, len(names)) for position, name in enumerate(names)}
