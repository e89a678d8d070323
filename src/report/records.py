"""What figures need that runs.csv cannot hold: curves, answers and head weights, read from run folders."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from src.callbacks.pictures import head_names, trace
from src.lit.learner import Learner
from src.report import rows as table
from src.report import tables
from src.report.gather import Problem
from src.report.kinds import Kind
from src.report.protocols import Placed
from src.report.rows import Row
from src.run.folder import UnreadableError
from src.run.load import load_run
from src.settings import build
from src.settings.errors import ConfigError

#: Rows of a table that are shown as pictures, at most.
SHOWN = 5
Record = dict[str, Any]


class Shown(NamedTuple):
    """What the median runs of a table did, a row a step.

    Attributes:
        answers: row, seed, title of the sequence, step of the answer, then target and output of each channel.
        heads: row, seed, title, step at which the answer begins, head, step, then the weight of each slot.
    """

    answers: list[Record]
    heads: list[Record]


def show(
    its: Sequence[tuple[Placed, Row]], kind: Kind, reference: Sequence[str], memory_slots: int | None
) -> tuple[Shown, list[Problem]]:
    """Run the median run of each row of a table on the task's examples.

    Args:
        its: the runs of the table, with their rows in runs.csv.
        kind: of the table.
        reference: rows of which no pictures are wanted.
        memory_slots: of those that have a memory; None for as many as they were trained with.

    Returns:
        What they did; and a remark on each that has no checkpoint, so that the run next to it stands in.
    """
    shown, problems = Shown([], []), []
    for variant in best_variants([row for _, row in its if row["row"] not in reference], kind):
        for one in by_rank([(one, row) for one, row in its if row["row"] == variant], kind):
            try:
                _run(one, shown, memory_slots)
                break
            except ConfigError as error:
                reason = f"{error.where}: {error.reason}" if isinstance(error, UnreadableError) else str(error)
                problems.append(Problem(one.entry.name, f"not shown: {reason}", counted=True))
    return shown, problems


def curves(placed: Sequence[Placed]) -> list[Record]:
    """The validation loss of every run; infinite at the end of one that diverged."""
    found = []
    for one in placed:
        of = {"table": one.group, "row": one.variant, "seed": one.entry.metrics["seed"]}
        for row in one.entry.history:
            loss = round_to(float(row["loss"]))
            found.append({**of, "sequences": int(float(row["sequences"])), "loss": loss})
        if one.entry.metrics["status"] == "diverged":
            found.append({**of, "sequences": one.entry.metrics.get("sequences") or 0, "loss": math.inf})
    return found


def round_to(value: float, digits: int = 4) -> float:
    """Rounded to significant digits: what a curve shows, in a file a third of the size."""
    return float(f"{value:.{digits}g}")


def best_variants(rows: Sequence[Row], kind: Kind) -> list[str]:
    """The rows of a table to show as pictures: all, or of many those that did best, in the table's order."""
    by_name = tables.variants(rows)
    scores = {name: float(np.median([badness(row, kind) for row in its])) for name, its in by_name.items()}
    best = sorted(by_name, key=lambda name: scores[name])[:SHOWN]
    return [name for name in by_name if name in best]


def badness(row: Row, kind: Kind) -> float:
    """How badly a run does by the headline metrics that are shares, from 0 to 1; worst where it was not tested."""
    found = []
    for test, name in kind.headlines:
        metric = kind.metric(name)
        if metric.bounded:
            value = table.outcome(row, test, name)
            value = metric.worst if value is None else value
            found.append(1.0 - value if metric.more else value)
    return sum(found) / len(found) if found else 0.0


def by_rank(its: Sequence[tuple[Placed, Row]], kind: Kind) -> list[Placed]:
    """The finished runs, that in the middle first (of an even number the better), then by their distance to it."""
    finished = [(one, row) for one, row in its if row["status"] == "finished"]
    order = sorted(range(len(finished)), key=lambda i: badness(finished[i][1], kind))
    middle = (len(order) - 1) // 2
    ranks = sorted(range(len(order)), key=lambda rank: abs(rank - middle))
    return [finished[order[rank]][0] for rank in ranks]


def _run(one: Placed, shown: Shown, memory_slots: int | None) -> None:
    """Put down what a run does on its task's examples.

    Raises:
        ConfigError: a run without a checkpoint that can be read.
    """
    learner, examples = _open(one.entry.folder, memory_slots)
    of = {"row": one.variant, "seed": one.entry.metrics["seed"]}
    for example in examples[1:3] or examples:
        answer = learner.objective.answer(example, trace(learner, example)[0])
        if answer.due is not None:
            answers = dict(zip(("target", "output"), answer.due, strict=True))
            for step in range(len(answers["target"])):
                shown.answers.append({**of, "title": example.title, "step": step, **_numbered(answers, step)})
    example = examples[0]
    _, seen = trace(learner, example)
    if "weighting" in seen:
        weights = seen["weighting"][0].numpy()
        of |= {"title": example.title, "answer": example.marks.get("answer", "")}
        for h, head in enumerate(head_names(learner)):
            for step in range(len(weights)):
                its = {"slot": weights[:, h]}
                shown.heads.append({**of, "head": head, "step": step, **_numbered(its, step, first=0)})


def _numbered(arrays: dict[str, np.ndarray], step: int, first: int = 1) -> dict[str, float]:
    """The numbers of a step as columns, to three decimals: what a colour shows."""
    return {
        f"{name} {i}": round(float(value), 3)
        for name, array in arrays.items()
        for i, value in enumerate(array[step], first)
    }


def _open(folder: Path, memory_slots: int | None) -> tuple[Learner, list[Any]]:
    """The trained network of a run folder, and its task's examples."""
    with torch.random.fork_rng():
        run = load_run(folder)
        slots = None if run.model.memory_slots is None else memory_slots
        learner = build.build_learner(run.config, run.task, run.model, slots)
    run.task.setup()
    learner.eval()
    return learner, run.task.examples()
