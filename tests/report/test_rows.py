"""runs.csv: contents of rows, writing and reading."""

import math

import pytest

from src.common.files import write_json
from src.report import gather, rows
from src.report.gather import Problem
from src.report.protocols import place
from src.settings.errors import ConfigError
from tests.report.conftest import bits
from tests.report.test_summary import BITS


@pytest.fixture
def table(fake, tmp_path):
    """Writes and reads the rows of all runs."""

    def read(memory_slots=None):
        folders = gather.find([str(fake.top)])
        entries, problems = gather.split(map(gather.read, folders, gather.names(folders)))
        its = [rows.of_run(one, memory_slots) for one in place(entries, False)[0]]
        its += map(rows.of_problem, problems)
        (tmp_path / "runs.csv").write_text(rows.text(its))
        return {row["run"]: row for row in rows.read(tmp_path / "runs.csv")}

    return read


def test_a_row_has_all_of_a_run(fake, table):
    fake("a", "model=ntm", "seed=3", errors=(0.0, 0.25, 0.125))
    row = table()["a"]
    expected = {
        "table": "repeat_copy", "row": "ntm", "seed": "3", "status": "finished", "counted": "yes", "note": "",
        "parameters": "1000", "seconds": "40", "solved": "True", "sequences_to_solve": "6000",
        "10x20.payload_error": "0.25", "validation.error_bits": "0", "git_revision": "a" * 40,
        "versions": "python 3.11.7; torch 2.13.0",
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    assert rows.outcome(row, "20x10", "payload_error") == 0.125
    assert rows.outcome(row, "40x5", "payload_error") is None
    assert rows.is_solved(row)
    assert rows.test_sets([row], "payload_error") == ["in_distribution", "10x20", "20x10"]
    assert BITS.cells(rows.test_sets([row], "payload_error")) == {"10x20": (10, 20), "20x10": (20, 10)}


def test_the_test_of_mnist_and_the_generated_one_are_sets_beside_each_other(fake, table):
    fake("a", "model=gru", "task=mnist1d", accuracy=0.75)
    row = table()["a"]
    assert rows.test_sets([row], "accuracy") == ["test", "generated"]
    assert rows.outcome(row, "test", "accuracy") == rows.outcome(row, "generated", "accuracy") == 0.75


def test_a_run_that_diverged_counts_the_worst(fake, table):
    fake("a", "model=ntm", status="diverged", test={}, error="diverged", solved=True, sequences_to_solve=50)
    fake("b", "model=ntm", "seed=1")
    row = table()["a"]
    assert rows.outcome(row, "10x20", "payload_error") == 1.0
    assert rows.outcome(row, "10x20", "end_exact") == 0.0
    assert rows.outcome(row, "in_distribution", "error_bits") == math.inf
    assert not rows.is_solved(row)


def test_not_a_number_counts_as_the_worst_and_has_a_note(fake, table):
    test = {"in_distribution": bits(0.0), "10x20": bits(0.1) | {"payload_error": math.nan}}
    fake("a", "model=ntm", test=test)
    row = table()["a"]
    assert row["note"] == "not a number, counts as the worst: 10x20.payload_error"
    assert rows.outcome(row, "10x20", "payload_error") == 1.0
    assert rows.outcome(row, "10x20", "end_error") == 0.05


def test_cells_that_were_evaluated_later_stand_beside_those_of_the_run(fake, table):
    for name, checkpoint in (("a", "best"), ("b", "last")):
        folder = fake(name, "model=ntm", f"seed={ord(name)}")
        test = {"10x20": bits(0.9), "5x5": bits(0.3)}
        write_json(folder / "evaluation.json", {"checkpoint": checkpoint, "test": test})
    its = table()
    assert rows.outcome(its["a"], "5x5", "payload_error") == 0.3
    assert rows.outcome(its["a"], "10x20", "payload_error") == 0.2  # that of the run itself
    assert rows.outcome(its["b"], "5x5", "payload_error") is None


def test_tests_with_a_larger_memory_have_a_name_of_their_own(fake, table):
    folder = fake("a", "model=ntm", errors=(0.0, 0.25, 0.125))
    test = {"10x20": bits(0.0625) | {"memory_slots": 256}}
    content = {"checkpoint": "best", "memory_slots": 256, "test": test}
    write_json(folder / "evaluation.json", content)
    row = table()["a"]
    assert rows.outcome(row, "10x20", "payload_error") == 0.25
    assert rows.outcome(row, "10x20 with 256 slots", "payload_error") == 0.0625
    assert list(BITS.cells(rows.test_sets([row], "payload_error"))) == ["10x20", "20x10"]


def test_a_report_may_lead_with_the_tests_of_a_larger_memory(fake, table):
    evaluated = {"checkpoint": "best", "memory_slots": 256, "test": {"10x20": bits(0.0625)}}
    write_json(fake("a", "model=ntm", errors=(0.0, 0.25, 0.125)) / "evaluation.json", evaluated)
    fake("b", "model=ntm", "seed=1", "model.memory_slots=256", errors=(0.0, 0.5, 0.125))
    fake("c", "model=lstm", errors=(0.0, 0.375, 0.125))
    its = table(memory_slots=256)
    names = ("10x20", "10x20 with 128 slots", "10x20 with 256 slots")
    found = {run: [rows.outcome(row, name, "payload_error") for name in names] for run, row in its.items()}
    assert found == {"a": [0.0625, 0.25, None], "b": [0.5, None, None], "c": [0.375, None, None]}
    assert rows.outcome(its["a"], "20x10", "payload_error") is None  # was not evaluated there


def test_a_test_that_needed_more_slots_is_named_by_them(fake, table):
    """Of an evaluation with 256 slots, a report leads with those, and with what was tested for them."""
    folder = fake("a", "model=ntm", test={"10x20": bits(0.25), "40x20": bits(0.5) | {"memory_slots": 512}})
    test = {"10x20": bits(0.125) | {"memory_slots": 256}, "40x20": bits(0.375) | {"memory_slots": 512}}
    write_json(folder / "evaluation.json", {"checkpoint": "best", "memory_slots": 256, "test": test})
    names = rows.test_sets([table(memory_slots=256)["a"]], "payload_error")
    assert names == ["10x20 with 128 slots", "40x20 with 512 slots", "10x20", "40x20"]


def test_problems_are_rows_too(tmp_path):
    (tmp_path / "runs.csv").write_text(rows.text([rows.of_problem(Problem("x", "stopped"))]))
    (row,) = rows.read(tmp_path / "runs.csv")
    assert (row["run"], row["counted"], row["note"], row["seed"]) == ("x", "no", "stopped", "")


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "run,table\nx\n"])
def test_another_csv_is_refused(tmp_path, content):
    path = tmp_path / "runs.csv"
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"is not a whole runs\.csv of src\.report"):
        rows.read(path)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (",yes,", ",YES,", "line 2: counted='YES': must be yes or no"),
        (",6000,", ",soon,", "line 2: sequences_to_solve='soon': must be a number"),
        (",0.25,", ",?,", "line 2: 10x20.payload_error='?': must be a number"),
        (
            "b,repeat_copy,ntm,ntm,repeat_copy,1",
            "b,repeat_copy,ntm,ntm,repeat_copy,0",
            "line 3: ntm has seed 0 twice",
        ),
    ],
)
def test_an_inconsistent_table_is_refused(fake, table, tmp_path, old, new, text):
    for seed, name in enumerate("ab"):
        fake(name, "model=ntm", f"seed={seed}", errors=(0.0, 0.25, 0.125))
    table()
    path = tmp_path / "runs.csv"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    with pytest.raises(ConfigError) as refusal:
        rows.read(path)
    assert str(refusal.value) == f"runs={str(path)!r}: {text}"


def test_a_table_that_went_through_a_spreadsheet_is_read(fake, table, tmp_path):
    fake("a", "model=ntm")
    before = table()
    path = tmp_path / "runs.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert {row["run"]: row for row in rows.read(path)} == before
