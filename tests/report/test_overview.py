"""The overview of a report on several tasks."""

from src.report.kinds import TableKind
from src.report.overview import by_model_table, overview_table
from src.tasks.repeat_copy import RepeatCopy
from tests.report.test_summary import BITS, bit_row, class_row

CLASSES = TableKind("", "classes", [("test", "accuracy")])


def test_a_line_for_each_model_on_each_task():
    rows = [bit_row("ntm", s, 2.0, 60_000 + s, task="repeat_copy") for s in range(2)]
    rows += [bit_row("ntm", 2, 2.0, task="repeat_copy"), bit_row("lstm", 0, 40.0, task="repeat_copy")]
    rows += [class_row("gru", 0, 0.97, table="c", task="mnist1d", sequences="1000", seconds="8")]
    table = overview_table(rows, {"t": BITS, "c": CLASSES})
    lines = [dict(zip(table.header, line, strict=True)) for line in table.rows]
    assert lines[0] == {
        "task": "repeat_copy",
        "model": "ntm",
        "runs": "3",
        "solved": "2/3",
        "sequences": "90,000",
        "sequences to solve": "60,001",
        "seconds a run": "90",
        "metric": "payload error",
        "like training": "0.020",
        "beyond": "0.200",
        "test beyond": TableKind("", "bits", [], RepeatCopy.axes).title("10x20"),
        "parameters": "63,181",
        "state": "3,036",
    }
    assert (lines[1]["model"], lines[1]["solved"], lines[1]["sequences to solve"]) == ("lstm", "0/1", "—")
    assert lines[2] == {
        "task": "mnist1d",
        "model": "gru",
        "runs": "1",
        "solved": "",
        "sequences": "1,000",
        "sequences to solve": "",
        "seconds a run": "8",
        "metric": "accuracy",
        "like training": "0.970",
        "beyond": "",
        "test beyond": "",
        "parameters": "5",
        "state": "0",
    }


def test_a_report_on_one_task_has_none():
    assert overview_table([bit_row("ntm", 0, 2.0, task="repeat_copy")], {"t": BITS}) is None


def test_tasks_by_models():
    rows = [bit_row("ntm", s, 2.0, 60_000, table=t, task=t) for t in ("a", "b") for s in range(2)]
    rows += [bit_row(model, 0, 40.0, table=t, task=t) for t in ("a", "b") for model in ("lstm", "gru")]
    rows += [
        class_row("gru", 0, 0.97, table="c", task="mnist1d"),
        class_row("mlp", 0, 0.9, table="c", task="mnist1d"),
    ]
    kinds = {"a": BITS, "b": BITS, "c": CLASSES}
    table = by_model_table(rows, kinds)
    assert table.header == ["task", "metric", "test beyond", "ntm", "lstm", "gru", "mlp"]
    beyond = TableKind("", "bits", [], RepeatCopy.axes).title("10x20")
    assert table.rows[1] == ["b", "payload error", beyond, "0.020 / 0.200, 60k", *["0.400 / 4.0"] * 2, ""]
    assert table.rows[2] == ["c", "accuracy", "", "", "", "0.970", "0.900"]
    assert by_model_table(rows, {"a": BITS, "b": BITS}) is None
    untested = [{**row, "in_distribution.payload_error": ""} for row in rows]
    assert by_model_table(untested, kinds).rows[0][3] == "— / 0.200, 60k"
    assert by_model_table([row for row in rows if row["row"] == "ntm"], kinds) is None


def test_a_long_overview_is_folded():
    names = [f"m{n}" for n in range(11)]
    rows = [bit_row(name, 0, 2.0, table=t, task=t) for t in ("a", "b") for name in names]
    kinds = {"a": BITS, "b": BITS}
    assert overview_table(rows, kinds).folded
    assert not overview_table(rows[:20], kinds).folded


def test_a_second_set_like_training_is_not_beyond_it():
    kind = TableKind("", "classes", [("test", "accuracy"), ("generated", "accuracy")], like_training=["generated"])
    rows = [class_row("gru", 0, 0.97, table="c", task="mnist1d"), bit_row("ntm", 0, 2.0, table="a", task="a")]
    table = overview_table(rows, {"c": kind, "a": BITS})
    assert dict(zip(table.header, table.rows[0], strict=True))["test beyond"] == ""
    assert TableKind.from_json(kind.as_json()).like_training == ("generated",)
