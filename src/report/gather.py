"""Run folders as they are found on disk, holes and damage included."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.report.metrics import bad_test, fault, sets
from src.run.folder import RunFolder, UnreadableError
from src.settings.errors import ConfigError

#: Ends of a run that say something about its model; any other says something about its user or machine.
ENDED = ("finished", "diverged")


class Problem(NamedTuple):
    """A folder that could not be counted; or that was, with a remark."""

    run: str
    what: str
    counted: bool = False


class Entry(NamedTuple):
    """A run that reached its end, well or not.

    Attributes:
        folder: of the run.
        name: what to call the folder, short and unique among those reported.
        config: config.yaml.
        metrics: metrics.json.
        evaluation: evaluation.json; empty where there is none.
        history: the rows of history.csv; empty where there are none.
    """

    folder: Path
    name: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]
    history: list[dict[str, str]]


def find(given: Sequence[str]) -> list[Path]:
    """Every run folder within some folders, those that a sweep has yet to begin included, in a readable order.

    Raises:
        ConfigError: a folder that is not there, or that holds no run.
    """
    found: dict[Path, None] = {}
    for one in given:
        top = Path(one)
        if not os.path.isdir(top):
            raise ConfigError(f"runs={one!r}: no such folder; must be folders that hold runs, or a runs.csv")
        within: set[Path] = set()
        for folder, names in _walk(top):
            if {"config.yaml", "metrics.json"} & set(names) and folder.name != ".hydra":
                within.add(folder)
            if "sweep.json" in names:
                within |= {folder / name for name in _planned(folder / "sweep.json")}
        if not within:
            raise ConfigError(f"runs={one!r}: holds no run; must be folders that hold runs, or a runs.csv")
        found |= dict.fromkeys(sorted((path.resolve() for path in within), key=_natural))
    return list(found)


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder and the names of its files, links to folders followed, each folder once."""
    seen = set()
    for folder, below, names in os.walk(top, followlinks=True):
        here = Path(folder).resolve()
        if here in seen:
            below.clear()  # a link that leads back
            continue
        seen.add(here)
        yield Path(folder), names


def _planned(path: Path) -> list[str]:
    try:
        return [str(job["folder"]) for job in json.loads(path.read_text(encoding="utf-8"))["jobs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # its runs are found without it; `read` tells of each that is not whole


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """A key that sorts 2_ntm before 10_ntm."""
    parts = "".join(c if c.isdigit() else f"\0{c}\0" for c in str(path)).split("\0")
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def names(folders: Sequence[Path]) -> list[str]:
    """What to call folders: their paths from the last folder that they have in common."""
    paths = [folder.parts for folder in folders]
    shared = 0
    while len({part[: shared + 1] for part in paths}) == 1 and shared + 1 < min(map(len, paths)):
        shared += 1
    return ["/".join(part[shared:]) for part in paths]


def read(folder: Path, name: str) -> Entry | Problem:
    """A run folder, or why it cannot be counted."""
    if not folder.exists() or not any(folder.iterdir()):
        return Problem(name, "not begun")
    run = RunFolder(folder)
    try:
        config, metrics = run.read_config(), run.read_metrics()
        evaluation, history = run.read_evaluation(), run.read_history()
    except UnreadableError as error:
        return Problem(name, error.reason)
    if not metrics:
        return Problem(name, "is running" if run.is_held() else "has no metrics.json: not at its end")
    status = metrics.get("status")
    if status not in ENDED:
        return Problem(name, f"{status}: {metrics['error']}" if metrics.get("error") else f"{status}")
    wrong = fault(metrics, config) or bad_test(sets(evaluation.get("test", {})), "evaluation.json")
    if wrong is not None:
        return Problem(name, wrong)
    return Entry(folder, name, config, metrics, evaluation, history)


def split(found: Iterable[Entry | Problem]) -> tuple[list[Entry], list[Problem]]:
    """Runs apart from problems."""
    entries, problems = [], []
    for one in found:
        if isinstance(one, Entry):
            entries.append(one)
        else:
            problems.append(one)
    return entries, problems
