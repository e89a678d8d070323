"""Differences between the rows of a table, paired by seed."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from src.report import statistics
from src.report.kinds import Kind
from src.report.rows import Row, is_solved, outcome
from src.report.tables import ENOUGH, FEW, MANY, Options, Table, variants
from src.report.wording import signed

#: Rows that are all compared with one another, at most; of more, each is compared with one.
ALL_PAIRS = 5


class RowContrast(NamedTuple):
    """A contrast of two rows of a table."""

    of: str
    first: str
    second: str
    contrast: statistics.Contrast


def contrasts(rows: Sequence[Row], kind: Kind, options: Options) -> tuple[list[RowContrast], list[str]]:
    """Differences between rows, paired by seed; and the pairs of rows with fewer than two seeds in common."""
    by_name = {name: its for name, its in variants(rows).items() if name not in options.reference}
    measures: dict[str, Callable[[Row], float | None]] = {}
    if kind.solvable:
        measures["solved"] = lambda row: float(is_solved(row))
    for test, metric in kind.headlines:
        if kind.metric(metric).bounded:
            measures[f"{kind.metric(metric).told} {test.replace('_', ' ')}"] = _measure(test, metric)
    found, apart = [], []
    for first, second in _pairs(list(by_name), options.against):
        for what, measure in measures.items():
            a, b = _paired(by_name[first], by_name[second], measure)
            if len(a) > 1:
                found.append(RowContrast(what, first, second, statistics.contrast(a, b)))
            else:
                apart.append(f"{first} and {second}")
    return found, list(dict.fromkeys(apart))


def contrasts_table(rows: Sequence[Row], kind: Kind, options: Options) -> Table | None:
    """Differences between rows; None where there is but one row."""
    found, apart = contrasts(rows, kind, options)
    if not found and not apart:
        return None
    header = ["of", "difference", "seeds", "mean", "95 % interval", "p", "p after Holm"]
    if options.margin is not None:
        header.append(f"within ±{options.margin:g}")
    lines = []
    for one, p in zip(found, statistics.holm([one.contrast.p for one in found]), strict=True):
        its = one.contrast
        between = f"[{signed(its.low)}, {signed(its.high)}]" if its.n >= FEW else ""
        line = [one.of, f"{one.first} - {one.second}", str(its.n), signed(its.difference), between]
        line += [f"{its.p:.4f}", f"{p:.4f}"]
        if options.margin is not None:
            # That as many runs have solved a task says little, however many times it is drawn anew.
            tells = one.of != "solved" and its.n >= ENOUGH
            within = -options.margin <= its.low and its.high <= options.margin
            line.append("no difference" if tells and within else "")
        lines.append(line)
    notes = [
        "Paired by seed. Interval: bootstrap of the mean difference, each for itself; p: sign-flip permutation "
        f"test, two-sided; Holm over the {len(found)} contrasts of this table. That a p is large does not show "
        "that there is no difference."
    ]
    if apart:
        notes.append(f"Fewer than two seeds in common, and so no contrast: {'; '.join(apart)}.")
    return Table("Contrasts", header, lines, " ".join(notes if found else notes[1:]), folded=len(lines) > MANY)


def _measure(test: str, metric: str) -> Callable[[Row], float | None]:
    return lambda row: outcome(row, test, metric)


def _pairs(names: Sequence[str], against: str | None) -> list[tuple[str, str]]:
    if against is None and len(names) <= ALL_PAIRS:
        return list(combinations(names, 2))
    if against not in names:
        against = names[0] if names else None
    return [] if against is None else [(name, against) for name in names if name != against]


def _paired(
    first: Sequence[Row], second: Sequence[Row], measure: Callable[[Row], float | None]
) -> tuple[list[float], list[float]]:
    """The values of two rows at the seeds that both have."""
    a, b = ({row["seed"]: measure(row) for row in its} for its in (first, second))
    both = [(a[seed], b[seed]) for seed in a if seed in b]
    known = [(x, y) for x, y in both if x is not None and y is not None]
    return [x for x, _ in known], [y for _, y in known]
