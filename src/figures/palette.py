"""Colours: of models and other labels, of signed numbers, and of metrics. Every figure takes them from here."""

from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

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
#: Shades of a model's colour, for labels that begin with its name: shares of white, or of black where negative.
SHADES = (0.0, 0.5, -0.5)
#: Upper end of viridis that is used: beyond it, colours are too faint.
VIRIDIS = 0.93
#: Diverging colour map of signed numbers, such as memory content; its centre, white, stands for zero.
SIGNED = "RdBu_r"
#: What the colours of `metric_map` mean.
BETTER = "darker is better"


def colours(labels: Iterable[str], order: Iterable[str] = ()) -> dict[str, str]:
    """A colour for every label, as #rrggbb: that of the model of this name, else one that its letters choose.

    Labels that begin with the name of a model, such as "ntm lr=0.1", are shades of its colour, unless there are
    more of them than shades. Two other labels whose letters choose the same colour get different ones, the first
    in `order` its own. If there are more of them than colours, they are samples of viridis.

    >>> colours(["ntm", "lr=0.1"]), colours(["lr=0.1"])
    ({'ntm': '#0072B2', 'lr=0.1': '#117733'}, {'lr=0.1': '#117733'})

    Args:
        labels: of one figure, repeated or not.
        order: labels of all figures of a set; the same order gives a label the same colour in each.
    """
    names = list(dict.fromkeys([*order, *labels]))
    found = {name: MODELS[name] for name in names if name in MODELS}
    for model, colour in MODELS.items():
        own = sorted((name for name in names if name.split(" ")[0] == model), key=lambda name: name != model)
        if len(own) <= len(SHADES):
            found |= {name: _shade(colour, share) for name, share in zip(own, SHADES, strict=False)}
    found |= _others([name for name in names if name not in found])
    return {name: found[name] for name in names}


def _shade(colour: str, share: float) -> str:
    """A colour with a share of white, or of black where the share is negative."""
    other = 1.0 if share > 0 else 0.0
    red, green, blue = ((1 - abs(share)) * one + abs(share) * other for one in to_rgb(colour))
    return to_hex((red, green, blue)) if share else colour


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
