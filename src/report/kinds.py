"""Kind of a report table: its objective, headline metrics and axes, taken from the task, not from test results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..lit import objectives
from ..lit.baselines import baseline
from ..lit.objective import Metric, Objective
from ..settings import build, construct
from ..settings.errors import ConfigError
from ..tasks.axes import Axis, cell_name, cell_of, title_of
from .gather import EndedRun
from .metrics import sets

#: How many of the test cells are headlines of a table, the first ones; named test sets beside them all are.
HEADLINE_CELLS = 2
#: Defaults of the keys that older report.json files lack, by their key `bits`.
DEFAULTS: dict[bool, dict[str, Any]] = {
    True: {"objective": "bits", "axes": [["length", "lengths"], ["repeats", "repeats"]]},
    False: {"objective": "classes", "axes": []},
}


class TableKind(NamedTuple):
    """Task-related properties of a table of runs.

    Attributes:
        protocol: settings shared by the runs, as text.
        objective: name of the objective.
        headlines: pairs (test set, metric) shown in the main table.
        axes: axes of the test cells; empty for a task without cells.
        trained: smallest and largest training value of each axis; None if unknown.
        baselines: what guessing and the best predictor reach, by test set, where the task says so.
        further: axes that test sets vary alone, each with its values in training, or none if unknown.
        like_training: test sets like those of training, besides the first headline.
    """

    protocol: str
    objective: str
    headlines: Sequence[Sequence[str]]
    axes: Sequence[Axis] = ()
    trained: Sequence[Sequence[int]] | None = None
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]] = {}
    further: Sequence[tuple[Axis, Sequence[int]]] = []
    like_training: Sequence[str] = ()

    @property
    def of(self) -> Objective:
        """The objective itself."""
        return objectives.OBJECTIVES[self.objective]

    @property
    def solvable(self) -> bool:
        """Whether the objective has a criterion for a solved task."""
        return self.of.solved_by is not None

    def metric(self, name: str) -> Metric:
        """How a metric is read."""
        return self.of.metric(name)

    @property
    def compared(self) -> list[tuple[str, str]]:
        """The headlines that are shares, or all if none is: for contrasts, figures and choices of median runs."""
        shares = [(test, metric) for test, metric in self.headlines if self.metric(metric).bounded]
        return shares or [(test, metric) for test, metric in self.headlines]

    def label(self, test: str, metric: str) -> str:
        """A metric and its test set as text."""
        return f"{self.metric(metric).label} {self.title(test)}"

    def title(self, test: str) -> str:
        """The name of a test set as text."""
        own = test.split(" with ", 1)[0]
        families = [[axis] for axis, _ in self.further]
        return title_of(next((axes for axes in families if cell_of(axes, own)), self.axes), test)

    def along_further_axes(self) -> "dict[str, TableKind]":
        """This kind with a further axis as that of its cells, by "_" and the name of the axis."""
        return {f"_{axis.name}": self._replace(axes=[axis], trained=None) for axis, _ in self.further}

    def cells(self, tests: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """Names of test sets that are cells, with the values of the cells."""
        found = {test: cell_of(self.axes, test) for test in tests}
        return {test: cell for test, cell in found.items() if cell is not None}

    def baseline(self, which: str, test: str, metric: str, fallback: bool = True) -> float | None:
        """What guessing (`chance`) or the best possible predictor (`optimum`) reaches; None if unknown.

        `fallback` is that of `src.lit.baselines.baseline`: tables have the chance of a metric in their note alone.
        """
        return baseline(self.baselines, which, test, self.metric(metric), fallback)

    def as_json(self) -> dict[str, Any]:
        """Content for report.json, without baselines if there are none, and keys with the defaults of `bits`."""
        bits = self.objective == DEFAULTS[True]["objective"]
        defaults = {"baselines": {}, "further": [], "like_training": []} | DEFAULTS[bits]
        axes = [[*axis] if axis.named else [axis.name, axis.many] for axis in self.axes]
        further = [[[*axis], values] for axis, values in self.further]
        optional = {
            "objective": self.objective, "axes": axes, "baselines": self.baselines, "further": further,
            "like_training": [*self.like_training],
        }  # fmt: skip
        always = {"told": self.protocol, "bits": bits, "headlines": self.headlines, "trained": self.trained}
        return always | {key: value for key, value in optional.items() if value != defaults[key]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TableKind":
        """The inverse of `as_json`."""
        full = DEFAULTS[content["bits"]] | dict(content)
        axes = [Axis(*axis) for axis in full["axes"]]
        known = full.get("baselines", {})
        further = [(Axis(*axis), values) for axis, values in full.get("further", [])]
        like = tuple(full.get("like_training", ()))
        kind = cls(full["told"], full["objective"], full["headlines"], axes, full["trained"], known, further, like)
        if kind.objective not in objectives.OBJECTIVES:
            raise ValueError(f"no objective {kind.objective!r}")
        return kind


def kind_of(entries: Sequence[EndedRun], protocol: str) -> TableKind:
    """The kind of a table whose runs share one protocol.

    Raises:
        ConfigError: a task whose objective is unknown.
    """
    config = entries[0].config["task"]
    task: Any = construct.locate("task", config)
    objective = build.objective_of(config)
    if objective is None:
        raise ConfigError(f"task._target_={config['_target_']!r}: has no known objective")
    first, *others = task.like_training
    tested = list(dict.fromkeys(name for entry in entries for name in sets(entry.metrics["test"])))
    like_training = [first, *(name for name in others if name in tested)]
    families = [task.axes, *([axis] for axis in task.further_axes)]
    cells_of_any = [name for name in tested if any(cell_of(axes, name) is not None for axes in families)]
    named = [name for name in tested if name not in (*task.like_training, *cells_of_any)]
    cells = [cell_name(task.axes, cell) for cell in build.test_cells_of(config)[:HEADLINE_CELLS]]
    headlines = [(name, objective.headline) for name in like_training]
    headlines += [(name, objective.reach[0]) for name in (*named, *cells)]
    known: dict[str, Any] = {}
    for entry in entries:
        known = dict(entry.evaluation.get("baselines", {})) | known | dict(entry.metrics.get("baselines", {}))
    trained, further = _trained(entries[0].config, len(task.further_axes))
    values = list(zip(task.further_axes, further, strict=True))
    return TableKind(
        protocol, objective.name, headlines, task.axes, trained, known, values, tuple(like_training[1:])
    )


def _trained(config: Mapping[str, Any], further: int) -> tuple[list[list[int]] | None, list[list[int]]]:
    """The training range of each axis, and the training values of each of a number of further axes.

    None without axes, and for a task that can no longer be made, whose further axes have no values then.
    """
    try:
        task = build.build_task(config)
    except ConfigError:
        return None, [[]] * further
    values = [list(getattr(task, axis.many)) for axis in task.further_axes]
    return [list(one) for one in task.trained] or None, values
