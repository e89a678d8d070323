"""Tables of test metrics."""

from src.common.text import table


def parsed(text):
    """Parse a table: metrics by test set, columns by the positions of the header."""
    header, *lines = text.splitlines()
    names = header.split()
    ends = [header.index(f" {name}") + 1 + len(name) for name in names]
    rows = {}
    for line in lines:
        rows[line.split()[0]] = {
            name: value
            for name, end, width in zip(names, ends, [9] * len(names), strict=True)
            if (value := line[max(0, end - width) : end].strip())
        }
    return rows


def test_one_test_set():
    assert table({"accuracy": 0.95, "loss": 0.2}) == "       accuracy     loss\ntest       0.95      0.2"


def test_test_sets_with_different_metrics():
    text = table({"in_distribution": {"bits": 1.23456, "exact": 0.5}, "10x20": {"bits": 300.0, "slots": 22}})
    assert parsed(text) == {
        "in_distribution": {"bits": "1.235", "exact": "0.5"},
        "10x20": {"bits": "300", "slots": "22"},
    }


def test_the_unnamed_test_set_comes_first_and_lines_have_no_trailing_spaces():
    text = table({"generated": {"accuracy": 0.9}, "accuracy": 0.8, "loss": 0.1})
    assert list(parsed(text)) == ["test", "generated"]
    assert all(line == line.rstrip() for line in text.splitlines())


def test_nan_and_infinity():
    assert parsed(table({"loss": float("nan"), "bits": float("inf")})) == {"test": {"loss": "nan", "bits": "inf"}}


def test_no_metrics():
    assert table({}) == table({"10x20": {}}) == "(not tested)"


def test_further_rows_are_below_that_of_their_test_set():
    below = {"test": {"guessing": {"loss": 0.7}, "best possible": {}}, "absent": {"guessing": {"loss": 1.0}}}
    assert table({"loss": 0.2, "more": {"loss": 0.3}}, below).splitlines() == [
        "                loss",
        "test             0.2",
        "  guessing       0.7",
        "more             0.3",
    ]


def test_only_some_metrics_have_a_column():
    sets = {"in_distribution": {"bits": 1.0, "exact": 0.5}, "10x20": {"bits": 2.0, "exact": 0.25}}
    text = table(sets, {"10x20": {"guessing": {"bits": 3.0}}}, lambda name: name == "exact")
    assert parsed(text) == {"in_distribution": {"exact": "0.5"}, "10x20": {"exact": "0.25"}}
    assert table(sets, shown=lambda name: name == "accuracy") == ""
