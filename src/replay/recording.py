"""Recording of a run on one sequence: input, output, heads and memory of every step, as arrays."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..callbacks.pictures import trace
from ..cells.trace import Trace
from ..figures.palette import SIGNED
from ..figures.ring import stretch
from ..lit.learner import Learner
from ..tasks.base import Example

#: Colours of the heads by kind, from a colour-blind-safe palette.
HEAD_COLOURS = {"other": ("#0072B2", "#56B4E9", "#009E73"), "write": ("#D55E00", "#E69F00", "#CC79A7")}
#: Opacity of outputs at steps where no answer is due.
FADED = 0.3


class Scale(NamedTuple):
    """Colours of the values of an array: `cmap` from `low` to `high`."""

    cmap: str
    low: float
    high: float


def scale(values: np.ndarray, cmap: str) -> Scale:
    """The diverging map centred at zero if any value is negative; else a colour map from 0 to 1."""
    if values.min(initial=0.0) >= 0.0:
        return Scale(cmap, 0.0, 1.0)
    bound = float(np.abs(values).max())
    return Scale(SIGNED, -bound, bound)


class Heads(NamedTuple):
    """Heads and memory of one run.

    Attributes:
        names: of the H heads; heads that only write are named "write ...", and are the last.
        weights: [T, H, N], over the N slots.
        numbers: further values of every head by name, each [T, H], NaN where a head has none; includes `position`
            and `width`, in slots.
        memory: [T, N, M] after each step.
        words: vectors read and written by name, each [T, M].
    """

    names: list[str]
    weights: np.ndarray
    numbers: Mapping[str, np.ndarray]
    memory: np.ndarray
    words: Mapping[str, np.ndarray]

    @property
    def bound(self) -> float:
        """Limit of the memory's colour scale: the 99.5 % quantile of the nonzero absolute values."""
        sizes = np.abs(self.memory)
        sizes = sizes[sizes > 0.01 * sizes.max()]
        return float(np.quantile(sizes, 0.995)) if sizes.size else 1.0

    @property
    def read_slots(self) -> np.ndarray:
        """Indices of the contiguous slots, on the ring, that heads focus on which read."""
        readers = [not name.startswith("write") for name in self.names]
        slots = self.weights.shape[2]
        first, count = stretch(self.weights[:, readers].max((0, 1)))
        return (first + np.arange(count)) % slots

    @property
    def colours(self) -> list[str]:
        """A colour for each head."""
        kinds = ["write" if name.startswith("write") else "other" for name in self.names]
        return [HEAD_COLOURS[kind][kinds[:i].count(kind) % 3] for i, kind in enumerate(kinds)]


class Recording(NamedTuple):
    """Recording of one run on one sequence of T steps.

    Attributes:
        title: name of the run.
        verdict: how good the answer is, as text.
        x: input, [T, F].
        y: output in 0..1, [T, O]: the probability of a one, or of each class.
        target: bits, or symbols as one-hot vectors, [T, O]; None if the target is a class.
        asked: [T], true where an answer is due; all true if the target is a class.
        wrong: number of wrong bits or symbols at each step, [T]; None where it is not defined.
        right: the target class; None if the target is bits or symbols.
        x_names, y_names: names of the F input features and the O outputs.
        phases: name and first step of each phase, in order.
        heads: None without a memory.
        correct: whether the answer is right as a whole; None where that is not defined.
        most_wrong: greatest number of wrong bits or symbols at a step; None for O.
    """

    title: str
    verdict: str
    x: np.ndarray
    y: np.ndarray
    target: np.ndarray | None
    asked: np.ndarray
    wrong: np.ndarray | None
    right: int | None
    x_names: list[str]
    y_names: list[str]
    phases: list[tuple[str, int]]
    heads: Heads | None
    correct: bool | None = None
    most_wrong: int | None = None


def record(learner: Learner, example: Example, title: str) -> Recording:
    """Run a network on an example and record it."""
    y, seen = trace(learner, example)
    x_names, y_names = learner.task.channels()
    answer = learner.objective.answer(example, y)
    marks = sorted(example.marks.items(), key=lambda mark: mark[1])
    return Recording(
        title=title,
        verdict=answer.verdict,
        x=answer.x,
        y=answer.y,
        target=answer.target,
        asked=answer.asked,
        wrong=answer.wrong,
        right=answer.right,
        x_names=x_names,
        y_names=y_names,
        phases=[("listening" if marks else "reading", 0), *marks],
        heads=record_heads(learner.network.head_names, seen) if "weighting" in seen else None,
        correct=answer.correct,
        most_wrong=answer.most_wrong,
    )


def record_heads(names: list[str], seen: Trace) -> Heads:
    """Heads and memory from a trace [1, T, ...], without the batch dimension.

    Positions and widths are those of `Trace.place`. Other numbers are taken from the trace.
    """
    seen = seen.map(lambda values: values[0])
    weights = seen["weighting"]
    numbers = dict(zip(("position", "width"), seen.place, strict=True))
    for name, values in seen.numbers.items():
        parts = values.unbind(2) if values.dim() == 3 else [values]
        for k, one in enumerate(parts):
            label = f"{name.replace('_', ' ')} {k + 1}" if len(parts) > 1 else name.replace("_", " ")
            numbers.setdefault(label, one)
    words = {
        f"{label} {i + 1}" if seen[name].shape[1] > 1 else label: vector.numpy()
        for name, label in {"read": "read", "add": "added", "erase": "erased"}.items()
        if name in seen
        for i, vector in enumerate(seen[name].unbind(1))
    }
    return Heads(
        names=names,
        weights=weights.numpy(),
        numbers={name: values.numpy() for name, values in numbers.items()},
        memory=seen["memory"].numpy(),
        words=words,
    )
