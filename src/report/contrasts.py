"""Differences between the rows of a table, paired by seed."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from . import intervals, statistics
from .kinds import TableKind
from .rows import RunRow, is_solved, outcome
from .tables import ENOUGH, MANY, Table, TableOptions, variants
from .wording import between, signed

#: Most rows of which all pairs are compared; more rows are each compared with one row.
ALL_PAIRS = 5


class RowContrast(NamedTuple):
    """Difference between two rows of a table in one measure."""

    of: str  # the measure
    first: str  # name of a row
    second: str
    contrast: statistics.Contrast


def contrasts(
    rows: Sequence[RunRow], kind: TableKind, options: TableOptions
) -> tuple[list[RowContrast], list[str]]:
    """Contrasts of rows, paired by seed; and the pairs of rows with fewer than two common seeds."""
    by_name = {name: runs for name, runs in variants(rows).items() if name not in options.reference}
    measures: dict[str, Callable[[RunRow], float | None]] = {}
    if kind.solvable:
        measures["solved"] = lambda row: float(is_solved(row))
    for test, metric in kind.compared:
        measures[kind.label(test, metric)] = _measure(test, metric)
    found, unpaired = [], []
    for first, second in _pairs(list(by_name), options.against):
        for what, measure in measures.items():
            a, b = _paired(by_name[first], by_name[second], measure)
            if len(a) > 1:
                found.append(RowContrast(what, first, second, statistics.contrast(a, b)))
            else:
                unpaired.append(f"{first} and {second}")
    return found, list(dict.fromkeys(unpaired))


def contrasts_table(rows: Sequence[RunRow], kind: TableKind, options: TableOptions) -> Table | None:
    """Table of contrasts; None if there is only one row."""
    found, unpaired = contrasts(rows, kind, options)
    if not found and not unpaired:
        return None
    header = ["of", "difference", "seeds", "mean", "95 % interval", "p", "p after Holm"]
    if options.margin is not None:
        header.append(f"within ±{options.margin:g}")
    lines = []
    for one, p in zip(found, statistics.holm([one.contrast.p for one in found]), strict=True):
        contrast = one.contrast
        line = [one.of, f"{one.first} - {one.second}", str(contrast.n), signed(contrast.difference)]
        line += [between(intervals.of_difference(contrast), signed), f"{contrast.p:.4f}", f"{p:.4f}"]
        if options.margin is not None:
            # An equal number of solved runs is weak evidence of equality, whatever the bootstrap says.
            conclusive = one.of != "solved" and contrast.n >= ENOUGH
            within = -options.margin <= contrast.low and contrast.high <= options.margin
            line.append("yes" if conclusive and within else "")
        lines.append(line)
    notes = [
        f"Paired by seed. Interval: bootstrap of the mean difference, {intervals.RULE}, not adjusted for the "
        "number of contrasts; p: sign-flip permutation test, two-sided; Holm over the "
        f"{len(found)} contrasts of this table. A large p does not show that there is no difference."
    ]
    if any(2**one.contrast.n > statistics.FLIPS for one in found):
        least = 2 / statistics.FLIPS
        notes.append(
            f"Of more than 14 seeds, p is by {statistics.FLIPS:,} random flips, and at least {least:.4f}."
        )
    if unpaired:
        notes.append(f"Fewer than two seeds in common, and so no contrast: {'; '.join(unpaired)}.")
    return Table("Contrasts", header, lines, " ".join(notes if found else notes[1:]), folded=len(lines) > MANY)


def _measure(test: str, metric: str) -> Callable[[RunRow], float | None]:
    return lambda row: outcome(row, test, metric)


def _pairs(names: Sequence[str], against: str | None) -> list[tuple[str, str]]:
    if against is None and len(names) <= ALL_PAIRS:
        return list(combinations(names, 2))
    if against not in names:
        against = names[0] if names else None
    return [] if against is None else [(name, against) for name in names if name != against]


def _paired(
    first: Sequence[RunRow], second: Sequence[RunRow], measure: Callable[[RunRow], float | None]
) -> tuple[list[float], list[float]]:
    """The values of two rows at the seeds that both have."""
    a, b = ({row["seed"]: measure(row) for row in runs} for runs in (first, second))
    both = [(a[seed], b[seed]) for seed in a if seed in b]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    return [x for x, _ in known], [y for _, y in known]
