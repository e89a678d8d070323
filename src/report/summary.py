"""From the rows of runs.csv to tables: how often, how soon, how well, and what the differences are worth."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from src.common.text import duration
from src.lit.objective import Metric
from src.report import statistics
from src.report.kinds import Kind
from src.report.rows import Row, is_solved, number, outcome, test_sets
from src.report.survival import Survival, kaplan_meier, median_time

#: Rows that are all compared with one another, at most; of more, each is compared with one.
ALL_PAIRS = 5
#: Lines of a table of details that are not folded, at most; seeds that an interval takes, and a word on equality.
MANY, FEW, ENOUGH = 20, 5, 10


class Table(NamedTuple):
    """What a page shows as a table: a header, rows of texts, and a note below; folded where few will look."""

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    folded: bool = False


class Options(NamedTuple):
    """What a reader asked of the tables.

    Attributes:
        against: the row that others are compared with; None for every pair, or the first row where they are many.
        reference: rows that are shown but not compared.
        margin: a difference within it is none, in the unit of the metric; None for no such claim.
        published: numbers of others for the headline metric, by row.
        published_as: what to call these.
    """

    against: str | None = None
    reference: tuple[str, ...] = ()
    margin: float | None = None
    published: Mapping[str, float] = {}
    published_as: str = "published"


def variants(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of runs.csv by the row of the table they belong to."""
    return {
        name: [row for row in rows if row["row"] == name] for name in dict.fromkeys(row["row"] for row in rows)
    }


def outcomes(rows: Sequence[Row], test: str, metric: str) -> np.ndarray:
    """What each run is worth, those left out that were not tested there."""
    values = [outcome(row, test, metric) for row in rows]
    return np.array([value for value in values if value is not None])


def main_table(rows: Sequence[Row], kind: Kind, options: Options) -> Table:
    """A row a model or setting: how often it solved the task, how well it did, how large it is."""
    lines = []
    for name, its in variants(rows).items():
        failed = sum(row["status"] == "diverged" for row in its)
        line = {"model": name + (" (reference)" if name in options.reference else ""), "runs": str(len(its))}
        line["diverged"] = str(failed)
        if kind.solvable:
            line |= _solving(its)
        for test, metric in kind.headlines:
            line |= _score(its, test, metric, with_mean=not kind.solvable)
        if options.published:
            line[options.published_as] = shown(options.published[name]) if name in options.published else ""
        line["parameters"] = _range([number(row, "parameters") for row in its], "{:,.0f}")
        line["state"] = _range([number(row, "state_size") for row in its], "{:,.0f}")
        line["seconds a run"] = _range(
            [float(np.median([number(row, "seconds") or 0.0 for row in its]))], "{:,.0f}"
        )
        lines.append(line)
    note = (
        "IQM: interquartile mean over all runs, diverged ones at the worst value there is; in brackets its 95 % "
        f"bootstrap interval over seeds, from {FEW} seeds on. Seconds: median of the fitting alone."
    )
    if kind.of.solved_by is not None:
        judged = kind.metric(kind.of.solved_by)
        note = (
            f"Solved: validation at or under the threshold of {judged.about}, three times in a row; "
            "in brackets the 95 % interval of Wilson. Sequences and seconds to solve: Kaplan-Meier median, "
            "unsolved runs censored, — where less than half are solved. " + note
        )
    return Table("Models", list(lines[0]), [list(line.values()) for line in lines], note)


def _solving(its: Sequence[Row]) -> dict[str, str]:
    solved = sum(map(is_solved, its))
    low, high = statistics.wilson(solved, len(its))
    line = {"solved": f"{solved}/{len(its)} [{low:.2f}, {high:.2f}]"}
    for unit in ("sequences", "seconds"):
        median = median_time(survival(its, unit))
        line[f"{unit} to solve"] = "—" if median is None else f"{median:,.0f}"
    return line


def survival(its: Sequence[Row], unit: str) -> Survival:
    """How many had solved the task by when; a diverged run never will."""
    solved = list(map(is_solved, its))
    times = [
        math.inf if row["status"] == "diverged" else number(row, f"{unit}_to_solve" if yes else unit)
        for row, yes in zip(its, solved, strict=True)
    ]
    return kaplan_meier([0.0 if time is None else time for time in times], solved)


def _score(its: Sequence[Row], test: str, metric: str, with_mean: bool) -> dict[str, str]:
    name = f"{metric.replace('_', ' ')} {test.replace('_', ' ')}"
    values = outcomes(its, test, metric)
    few = f" ({len(values)} runs)" if len(values) < len(its) else ""
    scores = {f"{name}: mean": shown(float(np.mean(values))) if len(values) else ""} if with_mean else {}
    return scores | {f"{name}: IQM [95 %]": centre(values) + few if len(values) else ""}


def centre(values: np.ndarray) -> str:
    """The interquartile mean with its interval; of a few runs without, for it would say too little."""
    told = shown(statistics.interquartile_mean(values))
    if len(values) < FEW:
        return told
    low, high = statistics.bootstrap(values)
    return f"{told} [{shown(low)}, {shown(high)}]"


def tests_table(rows: Sequence[Row], kind: Kind) -> Table | None:
    """Every test set of a task with test cells: the spread over seeds of how far what was learned reaches."""
    if not kind.axes:
        return None
    first, *others = (kind.metric(name) for name in kind.of.reach)
    lines = []
    for name, its in variants(rows).items():
        for test in test_sets(rows, first.name):
            values = outcomes(its, test, first.name)
            if not len(values):
                continue
            line = [name, test.replace("_", " "), str(len(values)), shown(float(np.mean(values))), centre(values)]
            line += [shown(float(np.median(values))), shown(best(values, first)), shown(worst(values, first))]
            for metric in others:
                its_own = outcomes(its, test, metric.name)
                line += [shown(float(np.median(its_own))), shown(best(its_own, metric))]
            lines.append(line)
    header = ["model", "test", "runs", f"{first.told}: mean", "IQM [95 %]", "median", "best", "worst"]
    for metric in others:
        header += [f"{metric.told}: median", f"best of {metric.told}"]
    notes = [f"{one.told.capitalize()}: {one.about}{guessing(one)}." for one in (first, *others) if one.about]
    return Table("Every test", header, lines, " ".join(notes), folded=len(lines) > MANY)


def best(values: np.ndarray, metric: Metric) -> float:
    """The best of some values of a metric."""
    return float(values.max() if metric.more else values.min())


def worst(values: np.ndarray, metric: Metric) -> float:
    """The worst of some values of a metric."""
    return float(values.min() if metric.more else values.max())


def guessing(metric: Metric) -> str:
    """What guessing gives, to stand after what a metric is."""
    return "" if metric.chance is None else f", {metric.chance:g} for guessing"


class Found(NamedTuple):
    """A contrast of two rows of a table."""

    of: str
    first: str
    second: str
    contrast: statistics.Contrast


def contrasts(rows: Sequence[Row], kind: Kind, options: Options) -> tuple[list[Found], list[str]]:
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
                found.append(Found(what, first, second, statistics.contrast(a, b)))
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


def settings_table(rows: Sequence[Row]) -> Table | None:
    """The settings in which rows differ."""
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key.startswith("setting.")]
    by_name = variants(rows)
    told = {}
    for key in keys:
        values = {name: _range_text([row.get(key, "") for row in its]) for name, its in by_name.items()}
        if len(set(values.values())) > 1:
            told[key.removeprefix("setting.")] = values
    if not told:
        return None
    lines = [[key, *values.values()] for key, values in told.items()]
    return Table("Settings in which rows differ", ["setting", *by_name], lines, folded=True)


def runs_table(rows: Sequence[Row], kind: Kind) -> Table:
    """Every run, one a line."""
    tests = kind.headlines
    header = ["run", "model", "seed", "status"]
    if kind.solvable:
        header += ["solved after"]
    header += [f"{metric.replace('_', ' ')} {test.replace('_', ' ')}" for test, metric in tests]
    lines = []
    for row in rows:
        line = [row["run"], row["row"], row["seed"], row["status"] + (f" ({row['note']})" if row["note"] else "")]
        if kind.solvable:
            after = number(row, "sequences_to_solve")
            line.append("" if after is None else f"{after:,.0f}")
        values = (outcome(row, test, metric) for test, metric in tests)
        line += ["" if value is None else shown(value) for value in values]
        lines.append([*line, duration(number(row, "seconds") or 0.0)])
    return Table("Every run", [*header, "took"], lines, folded=True)


def shown(value: float) -> str:
    """A metric for people, in as many digits as it deserves.

    >>> shown(0.97265), shown(0.0312), shown(0.00231), shown(0.0), shown(52.39), shown(1925.4), shown(math.inf)
    ('0.973', '0.031', '0.0023', '0', '52.4', '1,925', '∞')
    """
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.01:
        return f"{value:.2g}"
    return f"{value:.3f}" if size < 2 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def signed(value: float) -> str:
    """A difference, with its sign.

    >>> signed(0.0123), signed(-0.2), signed(0.0)
    ('+0.012', '-0.200', '0')
    """
    text = shown(abs(value))
    return text if text == "0" else f"{'+' if value > 0 else '-'}{text}"


def _range(values: Sequence[float | None], form: str) -> str:
    known = sorted({value for value in values if value is not None})
    if not known:
        return ""
    first, last = form.format(known[0]), form.format(known[-1])
    return first if first == last else f"{first} to {last}"


def _range_text(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(value for value in values if value))
