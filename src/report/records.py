"""Records of figures besides runs.csv: loss curves, answers and head weights, from run folders."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..callbacks.pictures import trace
from ..lit.learner import Learner
from ..run.folder import UnreadableError
from ..run.load import load_run
from ..settings import build
from ..settings.errors import ConfigError
from . import rows as table
from . import tables
from .gather import Problem, without_folder
from .kinds import TableKind
from .protocols import PlacedRun
from .rows import RunRow

#: Most rows of a table whose median runs are drawn.
MOST_DRAWN = 5
#: A line of a CSV file, by column.
Record = dict[str, Any]


class ExampleRecords(NamedTuple):
    """Records of the median runs of a table on the task's examples, one record a step.

    Attributes:
        answers: row, seed, title, cell and step of the sequence, target and output of each channel.
        heads: row, seed, title, first step of the answer, head, step, weight of each slot.
    """

    answers: list[Record]
    heads: list[Record]


def run_examples(
    runs: Sequence[tuple[PlacedRun, RunRow]], kind: TableKind, reference: Sequence[str], memory_slots: int | None
) -> tuple[ExampleRecords, list[Problem]]:
    """Run the median run of each row of a table on the task's examples.

    Args:
        runs: the runs of the table, with their rows in runs.csv.
        kind: of the table.
        reference: names of rows that are not drawn.
        memory_slots: memory slots of models with a memory; None for as many as in training.

    Returns:
        The records; and a remark on each row whose median run has no readable checkpoint, so that the next closest
        run is drawn.
    """
    examples, problems = ExampleRecords([], []), []
    for variant in best_variants([row for _, row in runs if row["row"] not in reference], kind):
        missing: list[tuple[str, str]] = []
        for one in by_rank([(one, row) for one, row in runs if row["row"] == variant], kind):
            try:
                _record_run(one, kind, examples, memory_slots)
                break
            except ConfigError as error:
                reason = f"{error.where}: {error.reason}" if isinstance(error, UnreadableError) else str(error)
                missing.append((one.entry.name, without_folder(reason, one.entry.folder)))
        if missing:
            name, reason = missing[0]
            others = f", nor {len(missing) - 1} more of its row" if missing[1:] else ""
            problems.append(Problem(name, f"not shown{others}: {reason}", counted=True))
    return examples, problems


def curves(placed: Sequence[PlacedRun]) -> list[Record]:
    """Validation loss curves of all runs; a diverged run ends with infinity."""
    found = []
    for one in placed:
        of = {"table": one.group, "row": one.variant, "seed": one.entry.metrics["seed"]}
        for row in one.entry.history:
            loss = rounded(float(row["loss"]))
            found.append({**of, "sequences": int(float(row["sequences"])), "loss": loss})
        if one.entry.metrics["status"] == "diverged":
            found.append({**of, "sequences": one.entry.metrics.get("sequences") or 0, "loss": math.inf})
    return found


def rounded(value: float) -> float:
    """A number to four significant digits, to make files of curves smaller."""
    return float(f"{value:.4g}")


def best_variants(rows: Sequence[RunRow], kind: TableKind) -> list[str]:
    """The names of the rows to draw: the best ones by median, at most MOST_DRAWN, in the table's order."""
    by_name = tables.variants(rows)
    scores = {name: float(np.median([badness(row, kind) for row in runs])) for name, runs in by_name.items()}
    best = sorted(by_name, key=lambda name: scores[name])[:MOST_DRAWN]
    return [name for name in by_name if name in best]


def badness(row: RunRow, kind: TableKind) -> float:
    """The less, the better: mean failure share, or mean where no headline is a share; untested sets are worst."""
    found = []
    for test, name in kind.compared:
        metric, value = kind.metric(name), table.outcome(row, test, name)
        value = metric.worst if value is None else value
        found.append(1.0 - value if metric.more else value)
    return sum(found) / len(found)


def by_rank(runs: Sequence[tuple[PlacedRun, RunRow]], kind: TableKind) -> list[PlacedRun]:
    """Finished runs by distance in rank from the median run, which is first (the better of two)."""
    finished = [(one, row) for one, row in runs if row["status"] == "finished"]
    order = sorted(range(len(finished)), key=lambda i: badness(finished[i][1], kind))
    middle = (len(order) - 1) // 2
    ranks = sorted(range(len(order)), key=lambda rank: abs(rank - middle))
    return [finished[order[rank]][0] for rank in ranks]


def _record_run(one: PlacedRun, kind: TableKind, examples: ExampleRecords, memory_slots: int | None) -> None:
    """Run a trained network on its task's examples and append the records: answers to the headline cells, if any.

    Raises:
        ConfigError: a run without a readable checkpoint.
    """
    learner, sequences = _open(one.entry.folder, memory_slots)
    of = {"row": one.variant, "seed": one.entry.metrics["seed"]}
    headlines = {test for test, _ in kind.headlines}
    for example in [one for one in sequences if one.name in headlines] or sequences[1:3] or sequences:
        answer = learner.objective.answer(example, trace(learner, example)[0])
        if answer.due is not None:
            answers = dict(zip(("target", "output"), answer.due, strict=True))
            named = {**of, "title": example.title, "cell": example.name}
            for index, step in enumerate(np.flatnonzero(answer.asked).tolist()):
                examples.answers.append({**named, "step": step, **_numbered(answers, index)})
    example = sequences[0]
    _, seen = trace(learner, example)
    if "weighting" in seen:
        weights = seen["weighting"][0].numpy()
        of |= {"title": example.title, "answer": example.marks.get("answer", "")}
        for h, head in enumerate(learner.network.head_names):
            for step in range(len(weights)):
                slots = {"slot": weights[:, h]}
                examples.heads.append({**of, "head": head, "step": step, **_numbered(slots, step, first=0)})


def _numbered(arrays: dict[str, np.ndarray], step: int, first: int = 1) -> dict[str, float]:
    """Values of a step as numbered columns, rounded to three decimals."""
    return {
        f"{name} {i}": round(float(value), 3)
        for name, array in arrays.items()
        for i, value in enumerate(array[step], first)
    }


def _open(folder: Path, memory_slots: int | None) -> tuple[Learner, list[Any]]:
    """The trained learner of a run folder, and the examples of its task."""
    with torch.random.fork_rng():
        run = load_run(folder)
        slots = None if run.model.memory_slots is None else memory_slots
        learner = build.build_learner(run.config, run.task, run.model, slots)
    run.task.setup()
    return learner, run.task.examples()
