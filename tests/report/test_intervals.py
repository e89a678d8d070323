"""One rule of which intervals are shown, in every table, figure and text."""

import ast
from pathlib import Path

import numpy as np
import pytest

from src.report import drawings, intervals, statistics, summary
from src.report.tables import TableOptions
from tests.report.test_publication import report, table
from tests.report.test_summary import BITS, bit_row

pytestmark = pytest.mark.drawn

REPORT = Path(intervals.__file__).parent


def test_an_interval_is_that_of_the_statistics_from_five_seeds_on() -> None:
    values = [0.1, 0.2, 0.4, 0.5, 0.9]
    assert intervals.of_mean(values) == statistics.bootstrap(values)
    assert intervals.of_share(2, 5) == statistics.wilson(2, 5)
    assert intervals.of_mean(values[:4]) is intervals.of_share(2, 4) is None
    contrast = statistics.contrast(values, values[::-1])
    assert intervals.of_difference(contrast) == (contrast.low, contrast.high)
    assert intervals.of_difference(contrast._replace(n=4)) is None


def test_no_other_file_decides_which_intervals_are_shown() -> None:
    for path in REPORT.glob("*.py"):
        if path.name in ("statistics.py", "intervals.py", "survival.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                assert name not in ("bootstrap", "wilson", "FEW"), f"{path.name}, line {node.lineno}"


@pytest.mark.parametrize(("seeds", "some"), [(2, False), (4, False), (5, True)])
def test_a_figure_draws_the_intervals_that_the_table_has(seeds: int, some: bool) -> None:
    rows = [bit_row("ntm", s, 1.0 + s, 50_000 + 10_000 * s if s else None) for s in range(seeds)]
    line = summary.main_table(rows, BITS, TableOptions()).rows[0]
    assert any("[" in cell for cell in line) == some
    tests = summary.tests_table(rows, BITS)
    assert tests is not None
    assert any("[" in cell for row in tests.rows for cell in row) == some
    dots = drawings.draw_seeds(rows, BITS, TableOptions(), "seeds", [])
    assert dots is not None
    bars = [line for ax in dots.figure.axes for line in ax.lines if line.get_linewidth() == 1.2]
    assert (len(bars), any("low" in row for row in dots.data)) == (2 * some, some)
    steps = drawings.draw_survival(rows, BITS, "survival", [])
    assert steps is not None
    assert len(steps.figure.axes[0].collections) == some
    assert any("low" in row for row in steps.data) == some
    points = [
        {"table": "t", "row": "ntm", "seed": str(s), "sequences": str(n), "loss": str(n + s)}
        for s in range(seeds)
        for n in (1, 2, 3)
    ]
    losses = drawings.draw_losses(points, {"t": BITS}, [])
    assert losses is not None
    assert len(losses.figure.axes[0].collections) == some


def test_a_report_of_two_seeds_has_no_interval(fake, tmp_path) -> None:
    for model, error in (("ntm", 0.1), ("lstm", 0.4)):
        for seed in range(2):
            fake(f"{model}{seed}", f"model={model}", f"seed={seed}", errors=(0.0, error + seed / 10, error))
    report(fake.top, tmp_path / "report", "pictures=false")
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    cells = [cell for line in page.splitlines() if line.startswith("| ") for cell in line.split("|")]
    assert not [cell for cell in cells if "[" in cell and "[95 %]" not in cell]
    for name in ("seeds", "survival"):
        assert {row["low"] for row in table(tmp_path / "report" / "figures" / f"{name}.csv")} == {""}


def test_the_band_is_not_that_of_all_values() -> None:
    """It leaves out the values that the interquartile mean leaves out."""
    points = [
        {"table": "t", "row": "ntm", "seed": str(s), "sequences": "1", "loss": str(loss)}
        for s, loss in enumerate([1.0, 2.0, 3.0, 4.0, 100.0])
    ]
    losses = drawings.draw_losses(points, {"t": BITS}, [])
    assert losses is not None
    outline = losses.figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (np.min(outline), np.max(outline)) == (2.0, 4.0)
