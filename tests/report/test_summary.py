"""The tables: against numbers computed by hand."""

import math

import numpy as np
import pytest

from src.report import contrasts, statistics, summary, wording
from src.report.kinds import TableKind
from src.report.tables import TableOptions
from src.tasks.repeat_copy import RepeatCopy

BITS = TableKind(
    "",
    "bits",
    [("in_distribution", "error_bits"), ("10x20", "payload_error"), ("20x10", "payload_error")],
    RepeatCopy.axes,
)
CLASSES = TableKind("", "classes", [("test", "accuracy"), ("generated", "accuracy")])
TEST = TableKind("", "classes", [("test", "accuracy")])


def bit_row(model, seed, error, solved=None, status="finished", **more):
    row = {
        "row": model, "model": model, "seed": str(seed), "status": status, "note": "", "table": "t",
        "run": f"{model}{seed}", "solved": str(solved is not None),
        "sequences_to_solve": "" if solved is None else str(solved),
        "seconds_to_solve": "" if solved is None else str(solved / 1000), "sequences": "90000", "seconds": "90",
        "parameters": "63181", "state_size": "3036",
        "in_distribution.error_bits": str(error), "in_distribution.payload_error": str(error / 100),
        "10x20.payload_error": str(error / 10), "20x10.payload_error": str(error / 20),
        "in_distribution.end_exact": "1", "10x20.end_exact": "0.5", "20x10.end_exact": "0.25",
    }  # fmt: skip
    if status == "diverged":
        row |= {key: "" for key in row if "." in key}
    return row | more


def class_row(model, seed, accuracy, generated=None, **more):
    row = {
        "row": model, "model": model, "seed": str(seed), "status": "finished", "note": "", "table": "t",
        "run": f"{model}{seed}", "solved": "False", "seconds": "10", "parameters": "5", "state_size": "0",
        "test.accuracy": str(accuracy),
    }  # fmt: skip
    return row | ({} if generated is None else {"generated.accuracy": str(generated)}) | more


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


def test_solving_is_counted_with_wilson_and_as_survival():
    rows = [bit_row("ntm", s, 0.0, solved) for s, solved in enumerate((60_000, 70_000, 80_000, 90_000, None))]
    rows += [bit_row("lstm", s, 30.0) for s in range(5)]
    table = summary.main_table(rows, BITS, TableOptions())
    low, high = statistics.wilson(4, 5)
    assert column(table, "solved") == [f"4/5 [{low:.2f}, {high:.2f}]", "0/5 [0.00, 0.43]"]
    assert column(table, "sequences to solve") == ["80,000", "—"]
    assert column(table, "seconds to solve") == ["80", "—"]


def test_a_diverged_run_counts_everywhere():
    rows = [bit_row("ntm", s, 1.0, 50_000) for s in range(4)]
    rows += [bit_row("ntm", s, 0.0, status="diverged") for s in range(4, 8)]
    table = summary.main_table(rows, BITS, TableOptions())
    assert column(table, "runs") == ["8"]
    assert column(table, "diverged") == ["4"]
    assert column(table, "solved")[0].startswith("4/8 ")
    assert column(table, "error bits in distribution: IQM [95 %]")[0].endswith(", ∞]")
    # Each diverged run counts as the worst share: the middle half of the eight values is two of each kind.
    assert column(table, "payload error 10x20: IQM [95 %]")[0].startswith("0.550 [0.100, 1.000]")
    # They stay in the risk set for ever, so that not even half of them have solved it before the end.
    assert list(summary.survival(rows, "sequences").share)[-1] == 0.5


def test_published_accuracies_have_a_column():
    rows = [class_row("gru", s, a) for s, a in enumerate((0.9, 0.94, 0.96, 0.98, 0.93))] + [
        class_row("mlp", 0, 0.6)
    ]
    table = summary.main_table(rows, TEST, TableOptions(published={"gru": 0.8125}, published_as="seed experiment"))
    low, high = statistics.bootstrap([0.9, 0.94, 0.96, 0.98, 0.93])
    assert column(table, "accuracy test: mean") == ["0.942", "0.600"]
    assert column(table, "accuracy test: IQM [95 %]") == [f"0.943 [{low:.3f}, {high:.3f}]", "0.600"]
    assert column(table, "seed experiment") == ["0.812", ""]
    assert "solved" not in table.header


def test_a_metric_with_fewer_tested_runs_has_their_number():
    rows = [class_row("gru", 0, 0.9, 0.8), class_row("gru", 1, 0.9), class_row("mlp", 0, 0.5)]
    table = summary.main_table(rows, CLASSES, TableOptions())
    assert column(table, "accuracy generated: IQM [95 %]") == ["0.800 (1 runs)", ""]


def test_contrasts_are_paired_by_seed_and_adjusted():
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 0.9, 10)
    rows = [class_row("a", s, base[s] + 0.05) for s in range(10)]
    rows += [class_row("b", s, base[s]) for s in reversed(range(10))] + [class_row("b", 99, 0.0)]
    rows += [class_row("c", s, base[s] + 0.001 * (-1) ** s) for s in range(10)] + [class_row("cnn", 0, 0.9)]
    table = contrasts.contrasts_table(rows, TEST, TableOptions(reference=("cnn",), margin=0.002))
    assert column(table, "difference") == ["a - b", "a - c", "b - c"]
    assert column(table, "seeds") == ["10", "10", "10"]
    assert column(table, "mean") == ["+0.050", "+0.050", "0"]
    assert column(table, "p")[0] == f"{2 / 2**10:.4f}"
    assert column(table, "p after Holm")[0] == f"{3 * 2 / 2**10:.4f}"
    assert column(table, "within ±0.002") == ["", "", "yes"]
    assert "random flips" not in table.note


def test_the_least_p_of_random_flips_is_told():
    rows = [class_row(model, seed, 0.5 + 0.1 * (model == "a")) for model in ("a", "b") for seed in range(20)]
    table = contrasts.contrasts_table(rows, TEST, TableOptions())
    assert column(table, "p") == ["0.0001"]
    assert table.note.endswith(" Of more than 14 seeds, p is by 16,384 random flips, and at least 0.0001.")


def test_contrasts_against_one_row_and_of_solving():
    rows = [bit_row(m, s, 1.0, 5_000 if m == "ntm" else None) for m in ("lstm", "ntm", "gru") for s in range(5)]
    table = contrasts.contrasts_table(rows, BITS, TableOptions(against="ntm"))
    assert set(column(table, "difference")) == {"lstm - ntm", "gru - ntm"}
    assert column(table, "of")[:3] == ["solved", "payload error 10x20", "payload error 20x10"]
    assert column(table, "mean")[:3] == ["-1.000", "0", "0"]
    many = [bit_row(f"m{k}", s, 1.0) for k in range(7) for s in range(2)]
    assert set(column(contrasts.contrasts_table(many, BITS, TableOptions()), "difference")) == {
        f"m{k} - m0" for k in range(1, 7)
    }


def test_without_a_share_among_the_headlines_contrasts_are_of_all_of_them():
    """As on predicted bits, where a diverged run is infinitely bad."""
    rows = [bit_row(m, s, e) | {"long.bits": str(10 * e + s)} for m, e in (("a", 3), ("b", 2)) for s in range(5)]
    rows[0] |= {"status": "diverged", "long.bits": ""}
    kind = TableKind("", "predicted_bits", [("long", "bits")])
    table = contrasts.contrasts_table(rows, kind, TableOptions())
    assert (column(table, "of"), column(table, "mean")) == (["bits long"], ["+∞"])
    table = contrasts.contrasts_table([row for row in rows if row["seed"] != "0"], kind, TableOptions())
    assert column(table, "mean") == ["+10.0"]


def test_pairs_without_seeds_in_common_are_named():
    rows = [class_row("a", 0, 0.5), class_row("b", 1, 0.5)]
    table = contrasts.contrasts_table(rows, TEST, TableOptions())
    assert (table.rows, table.note) == ([], "Fewer than two seeds in common, and so no contrast: a and b.")
    rows += [class_row("c", s, 0.5) for s in (0, 1)] + [class_row("a", 1, 0.25)]
    table = contrasts.contrasts_table(rows, TEST, TableOptions())
    assert column(table, "difference") == ["a - c"]
    assert table.note.endswith("no contrast: a and b; b and c.")
    assert contrasts.contrasts_table(rows[:1], TEST, TableOptions()) is None


def test_few_seeds_have_no_interval_and_no_statement_of_equality():
    rows = [bit_row(model, s, 1.0, 5_000) for model in ("a", "b") for s in range(4)]
    table = contrasts.contrasts_table(rows, BITS, TableOptions(margin=0.1))
    assert set(column(table, "95 % interval")) == {""}
    assert set(column(table, "within ±0.1")) == {""}
    rows = [bit_row(model, s, 1.0, 5_000) for model in ("a", "b") for s in range(10)]
    table = contrasts.contrasts_table(rows, BITS, TableOptions(margin=0.1))
    assert column(table, "within ±0.1") == ["", "yes", "yes"]


def test_a_table_in_which_all_diverged_still_has_its_failures():
    rows = [bit_row("ntm", s, 0.0, status="diverged") for s in range(5)]
    table = summary.main_table(rows, BITS, TableOptions())
    assert column(table, "solved") == ["0/5 [0.00, 0.43]"]
    assert column(table, "error bits in distribution: IQM [95 %]") == ["∞ [∞, ∞]"]
    assert column(table, "payload error 10x20: IQM [95 %]") == ["1.000 [1.000, 1.000]"]
    table = summary.main_table([class_row("gru", 0, "", status="diverged")], TEST, TableOptions())
    assert column(table, "accuracy test: mean") == ["0"]


def test_every_test_has_its_spread():
    rows = [bit_row("ntm", s, e) for s, e in enumerate((1.0, 2.0, 6.0))]
    table = summary.tests_table(rows, BITS)
    assert column(table, "test") == ["in distribution", "10x20", "20x10"]
    assert column(table, "median") == ["0.020", "0.200", "0.100"]
    assert column(table, "payload error: mean") == ["0.030", "0.300", "0.150"]
    assert column(table, "best") == ["0.010", "0.100", "0.050"]
    assert column(table, "worst") == ["0.060", "0.600", "0.300"]
    assert column(table, "end exact: IQM [95 %]") == ["1.000", "0.500", "0.250"]
    assert column(table, "end exact: median") == ["1.000", "0.500", "0.250"]
    assert summary.tests_table([class_row("a", 0, 0.5)], TEST) is None


def test_a_diverged_run_does_not_count_where_no_run_of_its_row_was_tested():
    rows = [bit_row("ntm", s, 1.0, **{"5x5.payload_error": "0.5", "5x5.end_exact": "0"}) for s in range(3)]
    rows += [bit_row("lstm", s, 2.0, status="diverged" if s else "finished") for s in range(3)]
    table = summary.tests_table(rows, BITS)
    found = list(zip(column(table, "model"), column(table, "test"), column(table, "runs"), strict=True))
    assert found == [("ntm", test, "3") for test in ("in distribution", "10x20", "20x10", "5x5")] + [
        ("lstm", test, "3") for test in ("in distribution", "10x20", "20x10")
    ]


def test_only_settings_in_which_rows_differ_are_listed():
    settings = {"setting.optimizer.lr": "0.1", "setting.model.size": "3"}
    rows = [class_row("a", 0, 0.5, **settings), class_row("b", 0, 0.5, **settings | {"setting.model.size": "4"})]
    table = summary.settings_table(rows)
    assert (table.header, table.rows) == (["setting", "a", "b"], [["model.size", "3", "4"]])
    assert summary.settings_table(rows[:1]) is None


def test_every_run_is_a_line():
    rows = [bit_row("ntm", 0, 2.0, 60_000), bit_row("ntm", 1, 0.0, status="diverged", note="x")]
    table = summary.runs_table(rows, BITS)
    assert table.rows[0] == ["ntm0", "ntm", "0", "finished", "60,000", "2.0", "0.200", "0.100", "90 s"]
    assert table.rows[1][3:] == ["diverged (x)", "", "∞", "1.000", "1.000", "90 s"]


@pytest.mark.parametrize(("value", "text"), [(math.inf, "+∞"), (-0.00012, "-0.00012"), (12.3456, "+12.3")])
def test_differences_have_a_sign(value, text):
    assert wording.signed(value) == text
