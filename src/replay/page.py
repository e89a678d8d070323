"""Self-contained HTML page of a replay, with data, style and script."""

import base64
import html
import json
import math
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import matplotlib
import numpy as np

from ..figures.palette import SIGNED
from .recording import FADED, Heads, Recording, scale

#: Speeds in steps a second that the page offers.
SPEEDS = (1, 2, 4, 8, 16, 32)


def render(recordings: Sequence[Recording], title: str, subtitle: str, cmap: str, fps: float) -> str:
    """The page as HTML.

    Args:
        recordings: of one run or two, on the same sequence.
        title: of the page.
        subtitle: description of the sequence.
        cmap: name of a colour map for values from 0 to 1.
        fps: initial number of steps a second.
    """
    verdicts = "; ".join(f"{recording.title}: {recording.verdict}" for recording in recordings)
    data = {
        "steps": len(recordings[0].x),
        "phases": recordings[0].phases,
        "speeds": sorted({*SPEEDS, round(fps, 2)}),
        "fps": round(fps, 2),
        "faded": FADED,
        "colours": lookup(cmap),
        "signedColours": lookup(SIGNED),
        "runs": [_run(recording) for recording in recordings],
    }
    parts = {
        "STYLE": _part("page.css"),
        "SCRIPT": "\n".join(_part(name) for name in ("strips.js", "memory.js", "page.js")),
        "HEAD": html.escape(f"{title}. {verdicts}"),
        "SUBTITLE": html.escape(subtitle),
        "TITLE": html.escape(title),
        # "<" is escaped, because "</script>" would end the element.
        "DATA": json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c"),
    }
    # A single pass, so that placeholders within inserted texts are not replaced.
    return re.sub(r"{{([A-Z]+)}}", lambda found: parts[found[1]], _part("page.html"))


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _run(recording: Recording) -> dict[str, Any]:
    """Data of one run for the script."""
    return {
        "title": recording.title,
        "verdict": recording.verdict,
        "correct": recording.correct,
        "x": _strip(recording.x),
        "y": _strip(recording.y, 0.0, 1.0),
        "target": None if recording.target is None else _strip(recording.target, 0.0, 1.0),
        "asked": recording.asked.astype(int).tolist(),
        "wrong": None if recording.wrong is None else recording.wrong.tolist(),
        "mostWrong": recording.most_wrong or recording.y.shape[1],
        "right": recording.right,
        "xNames": recording.x_names,
        "yNames": recording.y_names,
        "heads": None if recording.heads is None else _heads(recording.heads),
    }


def _strip(values: np.ndarray, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """Values over time with the bound of their colours, which is 0 where colours are from 0 to 1.

    Signed values are quantised from their minimum to their maximum, whatever the limits.
    """
    colours = scale(values, "")
    if colours.low < 0.0:
        return {**quantise(values), "bound": colours.high}
    return {**quantise(values, low, high), "bound": 0.0}


def _heads(heads: Heads) -> dict[str, Any]:
    return {
        "names": heads.names,
        "colours": heads.colours,
        "weights": quantise(heads.weights, 0.0, 1.0),
        "numbers": {name: _rounded(values) for name, values in heads.numbers.items()},
        "memory": quantise(heads.memory),
        "bound": heads.bound,
        "readSlots": heads.read_slots.tolist(),
        "words": {name: quantise(values) for name, values in heads.words.items()},
    }


def _rounded(values: np.ndarray) -> list[list[float | None]]:
    """Values [T, H] as lists, None for NaN."""
    return [[None if math.isnan(one) else round(one, 3) for one in row] for row in values.tolist()]


def quantise(values: np.ndarray, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    """An array quantised to 256 levels from `low` to `high`, by default its minimum and maximum.

    Returns:
        low, high, shape, and the levels as base64 data, one byte a number: 0 for low, 255 for high.
    """
    low = float(values.min()) if low is None else low
    high = float(values.max()) if high is None else high
    levels = (values.astype(float) - low) / ((high - low) or 1.0) * 255
    data = np.rint(levels).clip(0, 255).astype(np.uint8).tobytes()
    return {"shape": list(values.shape), "low": low, "high": high, "data": base64.b64encode(data).decode("ascii")}


def lookup(cmap: str) -> str:
    """256 colours of a matplotlib colour map, as base64 data of red, green and blue bytes."""
    colours = matplotlib.colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[:, :3]
    return base64.b64encode(np.ascontiguousarray(colours).tobytes()).decode("ascii")
