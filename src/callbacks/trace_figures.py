"""Figures of the trace of one example: memory and heads, and those that only some networks have."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..cells.trace import Trace
from ..figures.addresses import addresses
from ..figures.memory import HeadTrace, memory
from ..figures.png import figure_errors_as_warnings
from ..figures.style import Figure
from ..figures.usage_and_links import usage_and_links
from ..tasks.base import Example

#: A trace without its batch: tensors [T, ...] by name.
Seen = Mapping[str, np.ndarray]
#: Further figures by their names in `Cell.pictures`, from a trace, a colour map and the marks of steps.
FURTHER: dict[str, Callable[[Seen, str, Mapping[str, int]], Figure]] = {
    "usage_and_links": usage_and_links,
    "addresses": addresses,
}


def draw_trace(network: Any, example: Example, trace: Trace, cmap: str) -> dict[str, Figure]:
    """Figures of a trace [1, T, ...] by name; empty for a network without heads.

    A figure that cannot be drawn is left out, with a warning.
    """
    seen = {name: values[0].numpy() for name, values in trace.items()}
    figures: dict[str, Figure] = {}
    with figure_errors_as_warnings("memory"):
        if heads := head_traces(seen, getattr(network, "head_names", [])):
            held, marks = seen["memory"], example.marks
            # Before the first step no memory is recorded.
            later = {mark: step for mark, step in marks.items() if step > 0}
            memories = {f"memory as the\n{mark} begins": held[step - 1] for mark, step in later.items()}
            memories["memory\nat the end"] = held[-1]
            figures["memory"] = memory(memories, heads, cmap, marks, example.title)
    for name in getattr(network, "pictures", ()):
        with figure_errors_as_warnings(name):
            figures[name] = FURTHER[name](seen, cmap, example.marks)
    return figures


def head_traces(seen: Seen, names: Sequence[str]) -> list[HeadTrace]:
    """What each head wrote, then what each head read, and where; empty without words, or without names of heads.

    The heads that write are the last ones, those that read the first; a head that does both is there twice.
    """
    heads = []
    for field, done in {"add": "added", "read": "read"}.items():
        if names and field in seen and "memory" in seen:
            words = seen[field]
            first = len(names) - words.shape[1] if field == "add" else 0
            for h in range(words.shape[1]):
                heads.append(HeadTrace(names[first + h], done, words[:, h], seen["weighting"][:, first + h]))
    return heads
