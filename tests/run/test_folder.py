"""Run folder: round trips of the files, and damaged files refused in one line."""

import pickle
import threading
import time
from pathlib import Path

import pytest

from src.common.files import write_json
from src.run import lock
from src.run.folder import RUN_FORMAT, RunFolder, UnreadableError, check_results_folder, results_folder
from tests.helpers import compose_train, refused, small

ALLOWED = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"


@pytest.fixture(scope="module")
def config():
    return compose_train(*small(model="lstm"))


class TestConfig:
    def test_round_trip(self, tmp_path, config):
        RunFolder(tmp_path).write_config(config, "a1b2")
        assert RunFolder(tmp_path).read_config() == {"run_format": RUN_FORMAT, "git_revision": "a1b2", **config}
        assert RunFolder(str(tmp_path)).read_config() == RunFolder(tmp_path).read_config()

    def test_no_folder(self, tmp_path):
        (tmp_path / "file").write_text("")
        for name in ("nothing", "file"):
            where = str(tmp_path / name)
            assert refused("", RunFolder(where).read_config) == f"run={where!r}: no such folder; {ALLOWED}"

    def test_no_config(self, tmp_path):
        text = refused("", RunFolder(tmp_path).read_config)
        assert text == f"run={str(tmp_path)!r}: holds no config.yaml; {ALLOWED}"

    @pytest.mark.parametrize("content", [b"model: {name: lstm", b"\x80\x02\x00", b"a: [1\nb: 2", b"a: ${\n"])
    def test_damaged(self, tmp_path, content):
        (tmp_path / "config.yaml").write_bytes(content)
        text = refused(f"run={str(tmp_path)!r}: config.yaml is damaged (", RunFolder(tmp_path).read_config)
        assert text.endswith(f"); {ALLOWED}")

    @pytest.mark.parametrize(
        "content", ["", "- a\n- b\n", "a: 1\n", "run_format: 1\nmodel: resnet\ntask: images\nseed: 0\n"]
    )
    def test_foreign(self, tmp_path, content):
        (tmp_path / "config.yaml").write_text(content)
        text = refused("", RunFolder(tmp_path).read_config)
        assert text == f"run={str(tmp_path)!r}: config.yaml is not one of src.train; {ALLOWED}"

    def test_cut_off_anywhere(self, tmp_path, config):
        RunFolder(tmp_path).write_config(config, "a1b2")
        lines = (tmp_path / "config.yaml").read_text().splitlines(keepends=True)
        sections = [i for i, line in enumerate(lines) if not line.startswith((" ", "-"))]
        for end in [*sections, len(lines) - 1]:
            (tmp_path / "config.yaml").write_text("".join(lines[:end]))
            refused(ALLOWED, RunFolder(tmp_path).read_config)

    @pytest.mark.parametrize("other", [0, 2, "abc", None])
    def test_another_format(self, tmp_path, config, other):
        RunFolder(tmp_path).write_config(config | {"run_format": other}, None)
        text = f"was written in format {other}; must be format {RUN_FORMAT}, which"
        refused(text, RunFolder(tmp_path).read_config)


class TestMetrics:
    def test_metrics_that_are_missing_damaged_or_no_mapping(self, tmp_path):
        assert RunFolder(tmp_path).read_metrics() == {}
        write_json(tmp_path / "metrics.json", {"status": "finished"})
        assert RunFolder(tmp_path).read_metrics() == {"status": "finished"}
        for damage in (b'{"status": "fin', b"\xff\xfe\x00"):
            (tmp_path / "metrics.json").write_bytes(damage)
            refused(f"run={str(tmp_path)!r}: metrics.json is damaged", RunFolder(tmp_path).read_metrics)
        (tmp_path / "metrics.json").unlink()
        (tmp_path / "metrics.json").mkdir()
        refused(f"run={str(tmp_path)!r}: metrics.json is damaged", RunFolder(tmp_path).read_metrics)

    def test_removing_results_twice(self, tmp_path):
        run_folder = RunFolder(tmp_path)
        for _ in range(2):
            run_folder.remove_results()
            assert run_folder.read_metrics() == {}
            run_folder.write_metrics({"status": "failed"})

    def test_an_evaluation_goes_with_the_metrics(self, tmp_path):
        """It is of a checkpoint of before the run was continued."""
        run_folder = RunFolder(tmp_path)
        run_folder.write_evaluation({"test": {"exact": 1.0}})
        run_folder.remove_results()
        assert run_folder.read_evaluation() == {}


class TestHistory:
    def test_rows_are_strings(self, tmp_path):
        run_folder = RunFolder(tmp_path)
        assert run_folder.read_history() == []
        run_folder.history_file.write_text("update,sequences,loss\n1,4,0.5\n2,8,inf\n")
        assert run_folder.read_history()[1] == {"update": "2", "sequences": "8", "loss": "inf"}

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("sequences,loss\n4,0.5\n8,0.", "its end is cut off"),
            ("sequences,loss\nnan,0.5\n", "a count that is not finite"),
            ("sequences\n4\n", "'loss'"),
        ],
    )
    def test_damaged(self, tmp_path, content, why):
        run_folder = RunFolder(tmp_path)
        run_folder.history_file.write_text(content)
        assert refused("", run_folder.read_history) == f"run={str(tmp_path)!r}: history.csv is damaged ({why})"


def test_an_error_of_another_process_arrives_whole(tmp_path):
    """An exception that cannot be unpickled breaks the pool of processes that raised it."""
    sent = UnreadableError("run='a'", "does not exist", "must be another")
    received = pickle.loads(pickle.dumps(sent))
    assert (str(received), received.where, received.reason) == (str(sent), sent.where, sent.reason)


def test_a_lock_that_is_looked_at_is_not_held(tmp_path):
    """Two processes that look at the same moment do not see each other."""
    RunFolder(tmp_path).write_metrics({})
    with lock.held(tmp_path):
        pass
    begun = threading.Event()

    def look():
        own = lock.acquired(tmp_path, 0)
        begun.set()
        time.sleep(0.05)
        own.release()

    other = threading.Thread(target=look)
    other.start()
    begun.wait()
    assert not lock.is_held(tmp_path)
    other.join()


def test_round_trip_and_refusal_of_an_evaluation(tmp_path):
    run_folder = RunFolder(tmp_path)
    assert run_folder.read_evaluation() == {}
    run_folder.write_evaluation({"test": {"exact": 1.0}})
    assert run_folder.read_evaluation() == {"test": {"exact": 1.0}}
    run_folder.evaluation_file.write_text('{"test": 3}')
    text = f"run={str(tmp_path)!r}: evaluation.json is damaged (it holds no test)"
    assert refused("", run_folder.read_evaluation) == text


def test_a_folder_that_holds_a_run_is_not_new(tmp_path, config):
    run_folder = RunFolder(tmp_path)
    run_folder.check_new()
    run_folder.write_config(config, None)
    text = f"holds a run already; must be a new folder, or resume={tmp_path} to resume it"
    assert refused("", run_folder.check_new) == f"hydra.run.dir={str(tmp_path)!r}: {text}"


def test_one_process_at_a_time_has_the_lock(tmp_path):
    run_folder = RunFolder(tmp_path / "run")
    assert not run_folder.is_held()
    with run_folder.held():
        assert run_folder.is_held()
        refused("another process is writing to it", run_folder.held().__enter__)
        for out in (None, run_folder.path):
            refused("is of a run that is running now", check_results_folder, run_folder.path, out)
    assert not run_folder.is_held()
    check_results_folder(run_folder.path, None)


@pytest.mark.parametrize(
    ("revisions", "text"),
    [([None], None), (["a"], "a"), (["a", "b"], "a, resumed with b"), ([None, "b"], "None, resumed with b")],
)
def test_revisions_of_the_code(tmp_path, config, revisions, text):
    run_folder = RunFolder(tmp_path)
    run_folder.write_config(config, *revisions)
    assert run_folder.revisions() == revisions
    assert run_folder.read_config()["git_revision"] == text
    assert ("revisions" in run_folder.read_config()) == (len(revisions) > 1)


@pytest.mark.parametrize(
    ("run", "out", "expected"),
    [
        ("outputs/runs/a", None, "outputs/runs/a"),
        ("outputs/runs/a", "mine", "mine"),
        ("outputs/published/runs/a", None, "outputs/evaluations/a"),
        ("outputs/published/runs/a/", "mine", "mine"),
        ("published/runs/a", None, "published/runs/a"),
    ],
)
def test_results_are_written_beside_a_run_that_is_not_published(run, out, expected):
    assert results_folder(run, out, "evaluations") == Path(expected)


def test_results_of_a_run_whose_name_is_a_number():
    assert results_folder(2024, None, "evaluations") == Path("2024")
