"""Figures over tables that differ in a training range: which tables, which measures, and the shares of runs."""

import pytest
from hydra import compose, initialize_config_dir

from src.common.paths import CONF
from src.report import intervals, publication
from src.report.kinds import TableKind
from src.report.range_drawing import draw_ranges
from src.report.request import read_request
from src.settings import keys
from src.tasks.axes import Axis
from tests.report.conftest import bits

pytestmark = pytest.mark.drawn
AXES = [Axis("length", "lengths", named=True), Axis("reach", "reaches", named=True)]


def kind(reach, lengths=(4, 16), cells=((32, None),), axes=AXES):
    headlines = [("in_distribution", "error_bits")]
    headlines += [(f"length{length}_reach{end or reach}", "payload_error") for length, end in cells]
    return TableKind("", "bits_without_end", headlines, axes, [list(lengths), [1, reach]])


def row(table, model, seed, solved, like, **beyond):
    """A run with shares of exact sequences like training and beyond it."""
    return {
        "task": "seek", "table": table, "row": model, "model": model, "seed": str(seed), "status": "finished",
        "solved": str(solved), "in_distribution.exact": str(like),
        **{f"{cell}.exact": str(value) for cell, value in beyond.items()},
    }  # fmt: skip


def some_rows(seeds=5):
    """An NTM that is right within 2, and a DMS-NTM within 8 where its seed is even."""
    rows = []
    for seed in range(seeds):
        rows.append(row("near", "ntm", seed, True, 1.0, length32_reach2=0.5))
        rows.append(row("far", "ntm", seed, False, 0.2, length32_reach8=0.0))
        rows.append(row("near", "dms_ntm", seed, True, 1.0, length32_reach2=0.99))
        rows.append(
            row("far", "dms_ntm", seed, seed % 2 == 0, 0.995 if seed % 2 == 0 else 0.98, length32_reach8=0.4)
        )
    return rows


def test_the_shares_of_successful_runs_over_the_end_of_the_range():
    found = {
        one.name: one for one in draw_ranges(some_rows(), {"near": kind(2), "far": kind(8)}, ["dms_ntm", "ntm"])
    }
    assert list(found) == ["seek_reach_solved", "seek_reach_exact", "seek_reach_exact_length32"]
    expected = {
        "seek_reach_solved": {"ntm": [1.0, 0.0], "dms_ntm": [1.0, 0.6]},
        "seek_reach_exact": {"ntm": [1.0, 0.0], "dms_ntm": [1.0, 0.6]},
        "seek_reach_exact_length32": {"ntm": [0.0, 0.0], "dms_ntm": [1.0, 0.0]},
    }
    for name, curves in expected.items():
        for model, shares in curves.items():
            points = [point for point in found[name].data if point["row"] == model]
            assert [(point["reach"], point["runs"]) for point in points] == [(2, 5), (8, 5)]
            assert [point["share"] for point in points] == pytest.approx(shares)
            low, high = intervals.of_share(round(shares[1] * 5), 5)
            assert (points[1]["low"], points[1]["high"]) == (low, high)
    assert found["seek_reach_solved"].caption == (
        "seek: share of runs solved over the largest reach in training, from 5 seeds on with "
        "Wilson's 95 % interval; 5 runs a point."
    )
    assert found["seek_reach_exact_length32"].caption.endswith(
        " A run is exact where at least 99% of the sequences are."
    )
    ax = found["seek_reach_exact_length32"].figure.axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "Reach (largest in training)", "share of runs exact at length 32\nand that reach\nmore is better",
    )  # fmt: skip


@pytest.mark.parametrize(
    "kinds",
    [
        {"near": kind(2)},
        {"near": kind(2), "far": kind(2)},  # differ in something else
        {"near": kind(2), "far": kind(8, lengths=(4, 8))},  # in two ranges
        {"near": kind(2), "far": kind(8)._replace(trained=None)},
        {"near": kind(2), "far": kind(8, axes=AXES[::-1])},
    ],
)
def test_other_tables_have_no_such_figure(kinds):
    rows = [one for one in some_rows() if one["table"] in kinds]
    assert draw_ranges(rows, kinds, []) == []


def test_cells_that_some_tables_lack_are_left_out():
    kinds = {"near": kind(2, cells=((32, None), (16, None))), "far": kind(8)}
    names = [one.name for one in draw_ranges(some_rows(), kinds, [])]
    assert names == ["seek_reach_solved", "seek_reach_exact", "seek_reach_exact_length32"]


def test_each_run_counts_on_the_cell_of_its_own_table():
    rows = some_rows()
    for one in rows:
        one["length32_reach8.exact" if one["table"] == "near" else "length32_reach2.exact"] = "1.0"
    *_, found = draw_ranges(rows, {"near": kind(2), "far": kind(8)}, [])
    assert [point["share"] for point in found.data] == [0.0, 0.0, 1.0, 0.0]


def test_few_seeds_have_no_interval_and_untested_runs_do_not_count():
    rows = some_rows(seeds=3)
    del rows[0]["in_distribution.exact"]
    found = draw_ranges(rows, {"near": kind(2), "far": kind(8)}, [])
    assert not any("low" in point for one in found for point in one.data)
    assert [point["runs"] for point in found[1].data if point["row"] == "ntm"] == [2, 3]


def test_a_report_draws_them(fake, tmp_path):
    """The median runs of two ranges of seek, from run folders to the page."""
    for reach in (2, 8):
        cells = {f"length16_hops16_reach{reach}": bits(0.0), f"length32_hops8_reach{reach}": bits(0.1)}
        fake(f"seek{reach}", "task=seek", f"task.reach={reach}", test={"in_distribution": bits(0.0), **cells})
    with initialize_config_dir(CONF, version_base="1.3"):
        request = read_request(
            keys.resolve(compose("report", [f"runs={fake.top}", f"out={tmp_path / 'out'}", "pictures=false"]))
        )
    publication.make(request, publication.collect(request))
    names = ["solved", "exact", "exact_length16_hops16", "exact_length32_hops8"]
    for name in names:
        assert (tmp_path / "out" / "figures" / f"seek_reach_{name}.png").stat().st_size > 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert [text.count(f"(figures/seek_reach_{name}.csv)") for name in names] == [1] * 4
    exact = (tmp_path / "out" / "figures" / "seek_reach_exact_length32_hops8.csv").read_text().splitlines()
    assert exact[1:] == ["dms_ntm,2,0,,,1", "dms_ntm,8,0,,,1"]
