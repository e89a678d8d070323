"""Search for run folders, and reading of complete, incomplete and damaged ones."""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..lit import baselines
from ..run.ending import DONE
from ..run.folder import RunFolder, UnreadableError
from ..settings.errors import ConfigError
from .metrics import bad_test, fault, sets


class Problem(NamedTuple):
    """A problem of a run folder: not counted because of it, or counted with a remark."""

    run: str
    what: str
    counted: bool = False


class EndedRun(NamedTuple):
    """A run that has finished or diverged.

    Attributes:
        folder: run folder.
        name: short name of the folder, unique in the report.
        within: short name of the given folder that holds it.
        config: content of config.yaml.
        metrics: content of metrics.json.
        evaluation: content of evaluation.json; empty if there is none.
        history: rows of history.csv; empty if there are none.
    """

    folder: Path
    name: str
    within: str
    config: dict[str, Any]
    metrics: dict[str, Any]
    evaluation: dict[str, Any]
    history: list[dict[str, str]]


def find(given: Sequence[str]) -> dict[Path, str]:
    """All run folders within some folders in natural order, including planned ones of a sweep.

    Returns:
        For each run folder the short name of the first given folder that holds it.

    Raises:
        ConfigError: a folder that does not exist or contains no run.
    """
    found: dict[Path, str] = {}
    for one, name in zip(given, names([Path(one).resolve() for one in given]), strict=True):
        top = Path(one)
        if not os.path.isdir(top):
            raise ConfigError(f"runs={one!r}: no such folder; must be folders that hold runs, or a runs.csv")
        within: set[Path] = set()
        for folder, files in _walk(top):
            if {"config.yaml", "metrics.json"} & set(files) and folder.name != ".hydra":
                within.add(folder)
            if "sweep.json" in files:
                within |= {folder / planned for planned in _planned(folder / "sweep.json")}
        if not within:
            raise ConfigError(f"runs={one!r}: holds no run; must be folders that hold runs, or a runs.csv")
        for path in sorted((path.resolve() for path in within), key=_natural):
            found.setdefault(path, name)
    return found


def _walk(top: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder once with the names of its files; links to folders are followed."""
    seen = set()
    for folder, below, names in os.walk(top, followlinks=True):
        here = Path(folder).resolve()
        if here in seen:
            below.clear()  # a circular or repeated link
            continue
        seen.add(here)
        if "config.yaml" in names:
            below[:] = [one for one in below if one != "wandb"]  # the logger's copy of the configuration is no run
        yield Path(folder), names


def _planned(path: Path) -> list[str]:
    try:
        return [str(job["folder"]) for job in json.loads(path.read_text(encoding="utf-8"))["jobs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []  # begun runs are found without sweep.json; `read` reports incomplete ones


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Key of natural order: 2_ntm before 10_ntm."""
    parts = "".join(c if c.isdecimal() else f"\0{c}\0" for c in str(path)).split("\0")
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]


def names(folders: Sequence[Path]) -> list[str]:
    """Names of folders: their paths below the last common folder."""
    paths = [folder.parts for folder in folders]
    shared = 0
    while len({part[: shared + 1] for part in paths}) == 1 and shared + 1 < min(map(len, paths)):
        shared += 1
    return ["/".join(part[shared:]) for part in paths]


def read(folder: Path, name: str, within: str = "") -> EndedRun | Problem:
    """Read a run folder; a Problem if the run cannot be counted."""
    if not folder.exists() or not any(folder.iterdir()):
        return Problem(name, "not begun")
    run = RunFolder(folder)
    try:
        config, metrics = run.read_config(), run.read_metrics()
        evaluation, history = run.read_evaluation(), run.read_history()
    except UnreadableError as error:
        return Problem(name, without_folder(error.reason, folder))
    if not metrics:
        return Problem(name, "is running" if run.is_held() else "has no metrics.json: not at its end")
    status = metrics.get("status")
    if status not in DONE:  # an interruption or a failure is no result of the model
        why = f": {without_folder(str(metrics['error']), folder)}" if metrics.get("error") else ""
        return Problem(name, f"{status}{why}")
    wrong = fault(metrics, config) or bad_test(sets(evaluation.get("test", {})), "evaluation.json")
    for file, content in (("metrics.json", metrics), ("evaluation.json", evaluation)):
        bad = baselines.fault_of(content.get("baselines", {}))
        wrong = wrong or (bad and f"{file} has {bad}")
    if wrong is not None:
        return Problem(name, wrong)
    return EndedRun(folder, name, within, config, metrics, evaluation, history)


def without_folder(text: str, folder: Path) -> str:
    """A message without the place of the run on this machine, as pages are published."""
    for place in dict.fromkeys((str(folder.resolve()), str(folder))):
        text = text.replace(f"{place}/", "").replace(place, folder.name)
    return text


def split(found: Iterable[EndedRun | Problem]) -> tuple[list[EndedRun], list[Problem]]:
    """Separate runs from problems."""
    entries, problems = [], []
    for one in found:
        if isinstance(one, EndedRun):
            entries.append(one)
        else:
            problems.append(one)
    return entries, problems
