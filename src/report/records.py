"""What figures need that runs.csv cannot hold: curves, answers and head weights, read from run folders."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from src import build, runs
from src.build import ConfigError
from src.callbacks.pictures import answered, head_names, trace
from src.lit.learner import Learner
from src.report import rows as table
from src.report import summary
from src.report.gather import Problem
from src.report.protocols import Placed
from src.report.rows import Row

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


def show(its: Sequence[tuple[Placed, Row]], reference: Sequence[str]) -> tuple[Shown, list[Problem]]:
    """Run the median run of each row of a table on the task's examples.

    Args:
        its: the runs of one table, with their rows in runs.csv.
        reference: rows of which no pictures are wanted.
    """
    shown, problems = Shown([], []), []
    for variant in best_variants([row for _, row in its if row["row"] not in reference]):
        one = median_run([(one, row) for one, row in its if row["row"] == variant])
        if one is not None:
            try:
                _run(one, shown)
            except ConfigError as error:
                reason = str(error).split("; ", 1)[0]
                problems.append(Problem(one.entry.name, f"no pictures: {reason}", counted=True))
    return shown, problems


def curves(placed: Sequence[Placed]) -> list[Record]:
    """The validation loss of every run."""
    found = []
    for one in placed:
        of = {"table": one.group, "row": one.variant, "seed": one.entry.metrics["seed"]}
        for row in one.entry.history:
            if row.get("sequences") and row.get("loss"):
                found.append(
                    {**of, "sequences": int(float(row["sequences"])), "loss": round_to(float(row["loss"]))}
                )
    return found


def round_to(value: float, digits: int = 4) -> float:
    """Rounded to significant digits: what a curve shows, in a file a third of the size."""
    return float(f"{value:.{digits}g}")


def best_variants(rows: Sequence[Row]) -> list[str]:
    """The rows of a table to show as pictures: all, or of many those that did best, in the table's order."""
    by_name = summary.variants(rows)
    scores = {name: score(its) for name, its in by_name.items()}
    best = sorted(by_name, key=lambda name: scores[name])[:SHOWN]
    return [name for name in by_name if name in best]


def score(rows: Sequence[Row]) -> float:
    """How badly the runs of a row do by the headline metrics beyond training, their median; less is better."""
    values = [value for value in map(badness, rows) if value is not None]
    return float(np.median(values)) if values else math.inf


def badness(row: Row) -> float | None:
    """How badly a run does, by the last headline metrics that lie between 0 and 1."""
    found = []
    for test, metric in summary.headlines([row]):
        value = table.outcome(row, test, metric)
        if value is not None and math.isfinite(table.METRICS[metric].worst):
            found.append(1.0 - value if table.METRICS[metric].more else value)
    return sum(found) / len(found) if found else None


def median_run(its: Sequence[tuple[Placed, Row]]) -> Placed | None:
    """The run in the middle, of an even number the better; only among those that reached their end well."""
    scored = [(badness(row), i) for i, (_, row) in enumerate(its)]
    order = sorted((math.inf if bad is None or its[i][1]["status"] != "finished" else bad, i) for bad, i in scored)
    bad, middle = order[(len(order) - 1) // 2]
    return its[middle][0] if math.isfinite(bad) else None


def _run(one: Placed, shown: Shown) -> None:
    """Put down what a run does on its task's examples.

    Raises:
        ConfigError: a run without a checkpoint that can be read.
    """
    learner, examples = _open(one.entry.folder)
    of = {"row": one.variant, "seed": one.entry.metrics["seed"]}
    if learner.task.objective == "bits":
        for example in examples[1:3] or examples:
            y, _ = trace(learner, example)
            answers = {"target": answered(example.y, example), "output": answered(y.sigmoid(), example)}
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


def _open(folder: Path) -> tuple[Learner, list[Any]]:
    """The trained network of a run folder, and its task's examples."""
    with torch.random.fork_rng():
        run = runs.load_run(folder)
        learner = build.build_learner(run.config, run.task, run.model)
    run.task.setup()
    learner.eval()
    return learner, run.task.examples()
