"""What a table leads with, which its task says: it holds also where every run diverged and has no test."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from src.lit import objectives
from src.lit.objective import Metric, Objective
from src.report.gather import Entry
from src.settings import construct
from src.settings.errors import ConfigError
from src.tasks.base import Axis, cell_name

#: Cells that a table leads with: the first of the test cells.
CELLS = 2
#: What a report.json without these keys is of, by whether it is of answers in bits.
ALONE: dict[bool, dict[str, Any]] = {
    True: {"objective": "bits", "axes": [["length", "lengths"], ["repeats", "repeats"]]},
    False: {"objective": "classes", "axes": []},
}


class Kind(NamedTuple):
    """What a table holds.

    Attributes:
        told: its protocol, for people.
        objective: name of the kind of answers.
        headlines: test set and metric of what it leads with.
        axes: what the test cells of its task vary; empty for one without cells.
        trained: the least and the most of each axis in training; None where that is not known.
    """

    told: str
    objective: str
    headlines: Sequence[Sequence[str]]
    axes: Sequence[Axis] = ()
    trained: Sequence[Sequence[int]] | None = None

    @property
    def of(self) -> Objective:
        """The kind of answers."""
        return objectives.OBJECTIVES[self.objective]

    @property
    def solvable(self) -> bool:
        """Whether a run can solve the task."""
        return self.of.solved_by is not None

    def metric(self, name: str) -> Metric:
        """How a metric is read."""
        return self.of.metric(name)

    def as_json(self) -> dict[str, Any]:
        """As it stands in report.json; what `bits` tells of old is left to it."""
        bits = self.objective == ALONE[True]["objective"]
        own = {"objective": self.objective, "axes": [list(axis) for axis in self.axes]}
        told = {"told": self.told, "bits": bits, "headlines": self.headlines, "trained": self.trained}
        return told | {key: value for key, value in own.items() if value != ALONE[bits][key]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Kind":
        """The opposite of `as_json`."""
        own = ALONE[content["bits"]] | dict(content)
        axes = [Axis(*axis) for axis in own["axes"]]
        kind = cls(own["told"], own["objective"], own["headlines"], axes, own["trained"])
        if kind.objective not in objectives.OBJECTIVES:
            raise ValueError(f"no objective {kind.objective!r}")
        return kind


def kind_of(entries: Sequence[Entry], told: str) -> Kind:
    """The kind of a table of runs with one protocol.

    Raises:
        ConfigError: a task that is not one of ours.
    """
    config = entries[0].config["task"]
    task: Any = construct.locate("task", config)
    objective = objectives.OBJECTIVES.get(getattr(task, "objective", ""))
    if objective is None:
        raise ConfigError(f"task._target_={config['_target_']!r}: names no objective that there is")
    first, *others = task.like_training
    like_training = [first, *(name for name in others if any(name in entry.metrics["test"] for entry in entries))]
    cells = [cell_name(cell) for cell in (config.get("test_cells") or [])[:CELLS]] if task.axes else []
    headlines = [(name, objective.headline) for name in like_training]
    headlines += [(cell, objective.reach[0]) for cell in cells]
    return Kind(told, objective.name, headlines, task.axes, _trained(config, task.axes))


def _trained(task: Mapping[str, Any], axes: Sequence[Axis]) -> list[list[int]] | None:
    keys = [[f"{end}_{axis.name}" for end in ("min", "max")] for axis in axes]
    if not keys or not all(key in task for pair in keys for key in pair):
        return None
    return [[task[key] for key in pair] for pair in keys]
