"""What a table leads with, which its task says: it holds also where every run diverged and has no test."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from src.report.gather import Entry
from src.settings import construct

#: Cells of repeat-copy that a table leads with: the first of its test cells.
CELLS = 2


class Kind(NamedTuple):
    """What a table holds.

    Attributes:
        told: its protocol, for people.
        bits: whether its task is answered in bits, and so can be solved.
        headlines: test set and metric of what it leads with.
        trained: least and most length, and repeats, of training; None for other tasks.
    """

    told: str
    bits: bool
    headlines: Sequence[Sequence[str]]
    trained: Sequence[Sequence[int]] | None


def kind_of(entries: Sequence[Entry], told: str) -> Kind:
    """The kind of a table of runs with one protocol.

    Raises:
        ConfigError: a task that is not one of ours.
    """
    task = entries[0].config["task"]
    if getattr(construct.locate("task", task), "objective", None) == "bits":
        cells = [f"{length}x{repeats}" for length, repeats in (task.get("test_cells") or [])[:CELLS]]
        headlines = [("in_distribution", "error_bits"), *((cell, "payload_error") for cell in cells)]
        return Kind(told, True, headlines, _trained(task))
    more = any("generated" in entry.metrics["test"] for entry in entries)
    return Kind(told, False, [(name, "accuracy") for name in ("test", "generated")[: 1 + more]], None)


def _trained(task: Mapping[str, Any]) -> list[list[int]] | None:
    keys = [[f"{end}_{of}" for end in ("min", "max")] for of in ("length", "repeats")]
    if not all(key in task for pair in keys for key in pair):
        return None
    return [[task[key] for key in pair] for pair in keys]
