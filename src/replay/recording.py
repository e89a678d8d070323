"""What one run did with one sequence, step by step, as arrays to be shown."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from src.callbacks.pictures import head_names, trace
from src.cells.trace import Trace
from src.figures.memory import stretch
from src.lit.learner import Learner
from src.memory import addressing
from src.tasks.base import Example

#: The memory lies on both sides of zero, which is white here.
MEMORY_CMAP = "RdBu_r"
#: Colours of the heads, by kind; colour-blind eyes tell them apart too.
HEAD_COLOURS = {"read": ("#0072B2", "#56B4E9", "#009E73"), "write": ("#D55E00", "#E69F00", "#CC79A7")}
#: How much is left of the colour of an output that answers nothing.
FADED = 0.3


class Heads(NamedTuple):
    """Heads and memory of one run.

    Attributes:
        names: of the H heads; the read heads first.
        weights: [T, H, N], each head's summing to one over its N slots.
        numbers: what else is known of every head, by name, each [T, H]; `position` and `width` are among them.
        memory: [T, N, M] as each step left it.
        words: what was read and written, by name, each [T, M].
    """

    names: list[str]
    weights: np.ndarray
    numbers: Mapping[str, np.ndarray]
    memory: np.ndarray
    words: Mapping[str, np.ndarray]

    @property
    def bound(self) -> float:
        """The end of the memory's colours: all but one in two hundred of the numbers off zero lie within it."""
        sizes = np.abs(self.memory)
        sizes = sizes[sizes > 0.01 * sizes.max()]
        return float(np.quantile(sizes, 0.995)) if sizes.size else 1.0

    @property
    def read_slots(self) -> np.ndarray:
        """The stretch of the ring that read heads look at, as slot numbers in order; all if that is all."""
        readers = [name.startswith("read") for name in self.names]
        slots = self.weights.shape[2]
        first, count = stretch(self.weights[:, readers].max((0, 1)))
        return (first + np.arange(count)) % slots

    @property
    def colours(self) -> list[str]:
        """A colour for each head."""
        kinds = [name.split()[0] for name in self.names]
        return [HEAD_COLOURS[kind][kinds[:i].count(kind) % 3] for i, kind in enumerate(kinds)]


class Recording(NamedTuple):
    """What one run did with one sequence of T steps.

    Attributes:
        title: what to call the run.
        verdict: what its answer was worth.
        x: input, [T, F].
        y: output in 0..1, [T, O]: the probability of a one, or of each class.
        target: bits, [T, O]; None where a class is asked for.
        asked: [T], false where bits are not asked for; a class may be guessed at any step.
        wrong: wrong bits of each step, [T]; None where a class is asked for.
        right: the class asked for; None where bits are.
        x_names, y_names: of the F features and the O outputs.
        phases: name and first step of each, in order.
        heads: None without a memory.
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


def record(learner: Learner, example: Example, title: str) -> Recording:
    """Run a network that goes step by step on an example, and keep what it did."""
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
        heads=record_heads(head_names(learner), seen) if "weighting" in seen else None,
    )


def record_heads(names: list[str], seen: Trace) -> Heads:
    """What the heads did and what the memory held: a trace [1, T, ...] without its batch dimension.

    Among the numbers stand a head's position, on the ring from 0 to N, and its width, both in slots: a head that
    carries a weighting has no position, and its circular mean stands in. The others are those of the trace.
    """
    seen = seen.map(lambda values: values[0])
    weights = seen["weighting"]
    slots = weights.shape[2]
    position = seen.get("position", addressing.circular_mean(weights))
    numbers = {
        # Twice: a hair under 0 is rounded to N the first time.
        "position": position.remainder(slots).remainder(slots),
        "width": addressing.circular_deviation(weights),
    }
    if "sigma" in seen:
        scales = seen["sigma"].unbind(2)
        numbers |= {f"sigma {k + 1}" if len(scales) > 1 else "sigma": one for k, one in enumerate(scales)}
    own = {name: values for name, values in seen.numbers.items() if values.dim() == 2 and name != "position"}
    numbers |= {name.replace("_", " "): values for name, values in own.items()}
    words = {
        f"{label} {i + 1}" if seen[name].shape[1] > 1 else label: vector.numpy()
        for name, label in {"read": "read", "add": "added", "erase": "erased"}.items()
        for i, vector in enumerate(seen[name].unbind(1))
    }
    return Heads(
        names=names,
        weights=weights.numpy(),
        numbers={name: values.numpy() for name, values in numbers.items()},
        memory=seen["memory"].numpy(),
        words=words,
    )
