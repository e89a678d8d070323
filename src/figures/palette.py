"""Colours: of models and other labels, of signed numbers, and of metrics. Every figure takes them from here."""

from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

#: Colours of the models, distinguishable with colour blindness: first those of Okabe and Ito 2008,
#: https://jfly.uni-koeln.de/color/.
MODELS = {
    "ntm": "#0072B2",
    "dms_ntm": "#D55E00",
    "lstm": "#009E73",
    "gru": "#E69F00",
    "mlp": "#CC79A7",
    "cnn": "#56B4E9",
    "resnet1d": "#000000",
    "dnc": "#6A3D9A",
    "lie_access_ntm": "#8C510A",
    "tape_rnn": "#7F7F7F",
    "panm": "#B2182B",
    "transformer": "#01665E",
    "min_gru": "#C7A500",
}
#: Colours of other labels: the muted scheme of Tol, https://personal.sron.nl/~pault/, without its blues.
OTHERS = ("#332288", "#882255", "#999933", "#44AA99", "#AA4499", "#DDCC77", "#661100", "#117733")
#: Upper end of viridis that is used: beyond it, colours are too faint.
VIRIDIS = 0.93
#: Diverging colour map of signed numbers, such as memory content; its centre, white, stands for zero.
SIGNED = "RdBu_r"
#: What the colours of `metric_map` mean.
BETTER = "darker is better"


def colours(labels: Iterable[str], order: Iterable[str] = ()) -> dict[str, str]:
    """A colour for every label, as #rrggbb: that of the model of this name, else one that its letters choose.

    Two other labels whose letters choose the same colour get different ones, the first in `order` its own. If
    there are more of them than colours, they are samples of viridis.

    >>> colours(["ntm", "lr=0.1"]), colours(["lr=0.1"])
    ({'ntm': '#0072B2', 'lr=0.1': '#117733'}, {'lr=0.1': '#117733'})

    Args:
        labels: of one figure, repeated or not.
        order: labels of all figures of a set; the same order gives a label the same colour in each.
    """
    names = list(dict.fromkeys([*order, *labels]))
    others = _others([name for name in names if name not in MODELS])
    return {name: MODELS.get(name) or others[name] for name in names}


def _others(names: Sequence[str]) -> dict[str, str]:
    if len(names) > len(OTHERS):
        samples = colormaps["viridis"](np.linspace(0.0, VIRIDIS, len(names)))
        return dict(zip(names, map(to_hex, samples), strict=True))
    found: dict[str, str] = {}
    for name in names:
        first = crc32(name.encode()) % len(OTHERS)
        found[name] = next(one for one in OTHERS[first:] + OTHERS[:first] if one not in found.values())
    return found


def metric_map(more: bool) -> str:
    """Colour map of a metric of which more, or else less, is better: the better a value, the darker the green."""
    return "YlGn" if more else "YlGn_r"
