"""Kind of a report table: its objective, headline metrics and axes, taken from the task, not from test results."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..lit import objectives
from ..lit.objective import Metric, Objective
from ..settings import construct
from ..settings.errors import ConfigError
from ..tasks.base import Axis, cell_name
from .gather import EndedRun

#: How many of the test cells are headlines of a table: the first ones.
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
    """

    protocol: str
    objective: str
    headlines: Sequence[Sequence[str]]
    axes: Sequence[Axis] = ()
    trained: Sequence[Sequence[int]] | None = None

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
    def bounded(self) -> list[tuple[str, str]]:
        """The headlines that are shares: contrasts and figures are of them, and median runs are chosen by them."""
        return [(test, metric) for test, metric in self.headlines if self.metric(metric).bounded]

    def label(self, test: str, metric: str) -> str:
        """A metric and its test set as text."""
        return f"{self.metric(metric).label} {test.replace('_', ' ')}"

    def as_json(self) -> dict[str, Any]:
        """Content for report.json; `objective` and `axes` are left out where they equal the defaults of `bits`."""
        bits = self.objective == DEFAULTS[True]["objective"]
        optional = {"objective": self.objective, "axes": [list(axis) for axis in self.axes]}
        always = {"told": self.protocol, "bits": bits, "headlines": self.headlines, "trained": self.trained}
        return always | {key: value for key, value in optional.items() if value != DEFAULTS[bits][key]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "TableKind":
        """The inverse of `as_json`."""
        full = DEFAULTS[content["bits"]] | dict(content)
        axes = [Axis(*axis) for axis in full["axes"]]
        kind = cls(full["told"], full["objective"], full["headlines"], axes, full["trained"])
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
    objective = objectives.OBJECTIVES.get(getattr(task, "objective", ""))
    if objective is None:
        raise ConfigError(f"task._target_={config['_target_']!r}: has no known objective")
    first, *others = task.like_training
    like_training = [first, *(name for name in others if any(name in entry.metrics["test"] for entry in entries))]
    cells = [cell_name(cell) for cell in (config.get("test_cells") or [])[:HEADLINE_CELLS]] if task.axes else []
    headlines = [(name, objective.headline) for name in like_training]
    headlines += [(cell, objective.reach[0]) for cell in cells]
    return TableKind(protocol, objective.name, headlines, task.axes, _trained(config, task.axes))


def _trained(task: Mapping[str, Any], axes: Sequence[Axis]) -> list[list[int]] | None:
    keys = [[f"{end}_{axis.name}" for end in ("min", "max")] for axis in axes]
    if not keys or not all(key in task for pair in keys for key in pair):
        return None
    return [[task[key] for key in pair] for pair in keys]
