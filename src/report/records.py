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
#: Weights below this are left out of the file: on any colour map they look like nothing.
SEEN = 0.004
CURVES = ("table", "row", "seed", "sequences", "loss")
ANSWERS = ("table", "row", "seed", "title", "step", "channel", "target", "output")
HEADS = ("table", "row", "seed", "title", "head", "step", "slot", "weight", "steps", "slots", "answer")


class Records(NamedTuple):
    """Rows of each file, and runs that could not be shown."""

    curves: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    heads: list[dict[str, Any]]
    problems: list[Problem]


def record(placed: Sequence[Placed], rows: Sequence[Row], reference: Sequence[str]) -> Records:
    """Read curves of every run, and run the median run of each row of a table on the task's examples.

    Args:
        placed: the runs that are counted.
        rows: their rows in runs.csv, in the same order.
        reference: rows of which no pictures are wanted.
    """
    records = Records(curves(placed), [], [], [])
    for name in dict.fromkeys(one.group for one in placed):
        its = [(one, row) for one, row in zip(placed, rows, strict=True) if one.group == name]
        shown = best_variants([row for _, row in its if row["row"] not in reference])
        for variant in shown:
            one = median_run([(one, row) for one, row in its if row["row"] == variant])
            if one is not None:
                _run(one, records)
    return records


def curves(placed: Sequence[Placed]) -> list[dict[str, Any]]:
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


def _run(one: Placed, records: Records) -> None:
    try:
        learner, examples = _open(one.entry.folder)
    except ConfigError as error:
        reason = str(error).split("; ", 1)[0]
        records.problems.append(Problem(one.entry.name, f"no pictures: {reason}", counted=True))
        return
    of = {"table": one.group, "row": one.variant, "seed": one.entry.metrics["seed"]}
    if learner.task.objective == "bits":
        for example in examples[1:3] or examples:
            y, _ = trace(learner, example)
            target, output = answered(example.y, example), answered(y.sigmoid(), example)
            records.answers.extend(
                {
                    **of,
                    "title": example.title,
                    "step": step,
                    "channel": channel,
                    "target": int(target[step, channel]),
                    "output": round_to(float(output[step, channel]), 3),
                }
                for step, channel in np.ndindex(target.shape)
            )
    example = examples[0]
    _, seen = trace(learner, example)
    if "weighting" in seen:
        weights = seen["weighting"][0].numpy()
        names = head_names(learner)
        more = {"steps": weights.shape[0], "slots": weights.shape[2], "answer": example.marks.get("answer", "")}
        records.heads.extend(
            {
                **of,
                "title": example.title,
                "head": names[head],
                "step": step,
                "slot": slot,
                "weight": round_to(float(weights[step, head, slot]), 3),
                **more,
            }
            for step, head, slot in zip(*np.nonzero(weights >= SEEN), strict=True)
        )


def _open(folder: Path) -> tuple[Learner, list[Any]]:
    """The trained network of a run folder, and its task's examples."""
    with torch.random.fork_rng():
        run = runs.load_run(folder)
        learner = build.build_learner(run.config, run.task, run.model)
    run.task.setup()
    learner.eval()
    return learner, run.task.examples()
