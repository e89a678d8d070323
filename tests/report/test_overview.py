"""The overview of a report on several tasks."""

from src.report.kinds import TableKind
from src.report.overview import overview_table
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
