"""Figures over the axes of test cells: what is drawn depends on the axes in which the cells differ."""

import pytest

from src.report import cell_drawings, intervals, summary
from src.report.kinds import TableKind
from src.report.statistics import interquartile_mean
from src.report.tables import TableOptions
from src.tasks.axes import Axis, cell_name
from tests.report.test_summary import class_row, column

pytestmark = pytest.mark.drawn
LENGTH, HOPS, PAIRS = (Axis(name, f"{name}s", named=True) for name in ("length", "hop", "pair"))


def drawn(axes, cells, trained, seeds=5, known=None):
    """The drawings of made-up accuracies: the mean over seeds is the sum of the cell in percent."""
    rows = []
    for model in ("ntm", "lstm"):
        for seed in range(seeds):
            values = {f"{cell_name(axes, cell)}.accuracy": str(sum(cell) / 100 + seed / 1000) for cell in cells}
            rows.append(class_row(model, seed, 0.5, **values))
    kind = TableKind("", "classes", [("test", "accuracy")], axes, trained, known or {})
    return {one.name: one for one in cell_drawings.draw_cells(rows, kind, "grid")}


def test_one_axis_is_a_curve_for_each_row_with_intervals():
    known = {"length5": {"optimum": {"accuracy": 0.9}}, "length40": {"optimum": {"accuracy": 0.8}}}
    (one,) = drawn([LENGTH], [(40,), (5,)], [[1, 20]], known=known).values()
    assert one.caption == (
        "Accuracy over lengths: every run thin, the interquartile means over all runs thick, from 5 seeds on with "
        "their 95 % intervals."
    )
    ax = one.figure.axes[0]
    wanted = [interquartile_mean([x / 100 + s / 1000 for s in range(5)]) for x in (5, 40)]
    runs = [pytest.approx([x / 100 + s / 1000 for x in (5, 40)]) for s in range(5)]
    drawn_lines = [list(line.get_ydata()) for line in ax.lines]
    assert drawn_lines == [*runs, pytest.approx(wanted)] * 2 + [[0.9, 0.8]]
    assert [list(line.get_xdata()) for line in ax.lines] == [[5, 40]] * 13
    low, high = intervals.of_mean([0.05 + s / 1000 for s in range(5)])
    assert {key: one.data[0][key] for key in ("row", "length", "low", "high", "runs")} == {
        "row": "ntm", "length": 5, "low": low, "high": high, "runs": 5,
    }  # fmt: skip
    assert {"row": "best possible", "length": 40, "accuracy": 0.8} in one.data


def test_few_seeds_have_no_band():
    (one,) = drawn([LENGTH], [(5,), (40,)], None, seeds=4).values()
    assert not any("low" in point for point in one.data)
    assert [text.get_text() for text in one.figure.legends[0].get_texts()] == ["ntm", "lstm"]


def test_an_axis_that_all_cells_share_is_named_in_the_caption():
    (one,) = drawn([LENGTH, HOPS], [(5, 3), (40, 3)], [[1, 20], [1, 4]]).values()
    assert one.caption.startswith("Accuracy over lengths at hop 3: ")
    assert one.figure.axes[0].get_xlabel() == "Length"
    assert [text.get_text() for text in one.figure.legends[0].get_texts()][-1] == "trained on"
    (one,) = drawn([LENGTH, HOPS], [(5, 9), (40, 9)], [[1, 20], [1, 4]]).values()
    assert [text.get_text() for text in one.figure.legends[0].get_texts()] == ["ntm", "lstm"]  # 9 hops are beyond


def test_two_axes_are_a_heat_map_for_each_row():
    (one,) = drawn([LENGTH, HOPS], [(5, 2), (5, 3), (40, 2)], [[1, 20], [1, 4]]).values()
    assert one.caption == "Accuracy over lengths and hops: interquartile means over all runs."
    assert [ax.get_title() for ax in one.figure.axes][:2] == ["ntm", "lstm"]
    assert one.figure.axes[0].images[0].get_array().mask.tolist() == [[False, False], [False, True]]


def test_the_label_of_a_heat_map_names_the_baselines_of_the_task():
    known = {
        "length5_hop2": {"chance": {"accuracy": 0.5}, "optimum": {"accuracy": 0.9}},
        "length40_hop2": {"chance": {"accuracy": 0.5}, "optimum": {"accuracy": 0.75}},
    }
    (one,) = drawn([LENGTH, HOPS], [(5, 2), (5, 3), (40, 2)], None, known=known).values()
    label = "accuracy\nguessing: 0.5\nbest possible: 0.75 to 0.9\ndarker is better"
    assert one.figure.axes[-1].get_ylabel() == label


def test_three_axes_are_a_figure_for_each_value_of_the_third():
    cells = [(length, hops, pairs) for length in (5, 40) for hops in (2, 3) for pairs in (1, 7)]
    found = drawn([LENGTH, HOPS, PAIRS], [*cells, (5, 2, 8)], [[1, 20], [1, 4], [1, 4]])
    assert list(found) == ["grid_accuracy_pair1", "grid_accuracy_pair7"]  # one cell alone is no heat map
    one, other = found.values()
    assert other.caption.startswith("Accuracy over lengths and hops at pair 7: ")
    assert (len(one.figure.legends), len(other.figure.legends)) == (1, 0)  # the box of training


def test_a_single_cell_is_no_figure():
    assert drawn([LENGTH], [(5,)], None) == {}
    assert drawn([], [], None) == {}


def test_a_task_without_axes_has_a_table_of_its_further_test_sets():
    rows = [class_row("ntm", 0, 0.5, **{"lengths_41_to_500.accuracy": "0.25"})]
    known = {"lengths_41_to_500": {"chance": {"accuracy": 0.125}}}
    kind = TableKind("", "classes", [("test", "accuracy")], baselines=known)
    table = summary.tests_table(rows, kind)
    assert column(table, "test") == ["test", "lengths 41 to 500", "lengths 41 to 500"]
    assert column(table, "accuracy: mean") == ["0.500", "0.250", "0.125"]
    assert table.note.endswith(summary.BASELINES)
    main = summary.main_table(rows, kind, TableOptions())
    assert column(main, "model") == ["ntm"]  # which has no column of that set


def test_a_further_axis_is_a_curve_whose_shade_has_gaps_at_values_that_were_not_trained():
    distance = Axis("distance", "distances", named=True)
    names = [cell_name([distance], [n]) for n in (1, 2, 3, 4, 9)]
    rows = [class_row("ntm", seed, 0.5, **{f"{name}.accuracy": "0.5" for name in names}) for seed in (0, 1)]
    kind = TableKind("", "classes", [("test", "accuracy")], [LENGTH], [[1, 20]], {}, [(distance, [1, 2, 4])])
    assert not cell_drawings.draw_cells(rows, kind, "grid")
    ((name, along),) = kind.along_further_axes().items()
    (one,) = cell_drawings.draw_cells(rows, along, f"grid{name}")
    assert one.name == "grid_distance_accuracy"
    assert [point["distance"] for point in one.data] == [1, 2, 3, 4, 9]
    shades = [(patch.get_x(), patch.get_width()) for patch in one.figure.axes[0].patches]
    assert shades == [(0.5, 2.0), (3.5, 1.0)]
