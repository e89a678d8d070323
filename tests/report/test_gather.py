"""Search for run folders, and problems of incomplete and damaged ones."""

import json

import pytest

from src.common.files import write_json
from src.report import gather
from src.report.gather import EndedRun, Problem
from src.run import lock
from src.settings.errors import ConfigError
from tests.helpers import train_small


def found(top):
    folders = gather.find([str(top)])
    return dict(zip(gather.names(folders), map(gather.read, folders, gather.names(folders)), strict=True))


def test_runs_at_any_depth_in_a_readable_order(fake):
    for name in ("10_ntm", "2_ntm", "deep/er/run", "1_ntm", "m²"):
        fake(name, "model=ntm")
    assert list(found(fake.top)) == ["1_ntm", "2_ntm", "10_ntm", "deep/er/run", "m²"]
    assert all(isinstance(one, EndedRun) for one in found(fake.top).values())


def test_a_run_given_twice_is_one_and_one_alone_keeps_its_name(fake):
    folder = fake("one", "model=ntm")
    assert gather.find([str(fake.top), str(folder)]) == {folder: "runs"}
    assert gather.names([folder]) == ["one"]


def test_folders_that_are_not_there_or_hold_nothing_are_refused(fake, tmp_path):
    fake("one", "model=ntm")
    (tmp_path / "empty").mkdir()
    for name, why in (("empty", "holds no run"), ("no", "no such folder")):
        with pytest.raises(ConfigError) as refusal:
            gather.find([str(fake.top), str(tmp_path / name)])
        assert str(refusal.value) == (
            f"runs='{tmp_path}/{name}': {why}; must be folders that hold runs, or a runs.csv"
        )


def test_every_incomplete_run_is_a_problem(fake):
    fake("good", "model=ntm")
    fake("truncated", "model=ntm").joinpath("metrics.json").write_text('{"status": "fin')
    fake("unended", "model=ntm").joinpath("metrics.json").unlink()
    fake("stopped", "model=ntm", status="stopped")
    fake("failed", "model=ntm", status="failed", error="no space left")
    fake("damaged", "model=ntm").joinpath("config.yaml").write_text("a: [")
    fake("old", "model=ntm").joinpath("config.yaml").write_text("run_format: 0\nmodel: {}\n")
    fake("untested", "model=ntm", test={})
    folder = fake("lacking", "model=ntm")
    metrics = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", {k: v for k, v in metrics.items() if k not in ("seed", "test")})
    fake("evaluated", "model=ntm").joinpath("evaluation.json").write_text("[")
    its = {name: one.what for name, one in found(fake.top).items() if isinstance(one, Problem)}
    assert its.pop("truncated").startswith("metrics.json is damaged (Unterminated string")
    assert its.pop("damaged").startswith("config.yaml is damaged (")
    assert its.pop("evaluated").startswith("evaluation.json is damaged (")
    assert its == {
        "unended": "has no metrics.json: not at its end",
        "stopped": "stopped",
        "failed": "failed: no space left",
        "old": "was written in format 0",
        "untested": "metrics.json lacks test",
        "lacking": "metrics.json lacks seed, test",
    }


def test_places_of_this_machine_are_not_in_the_reasons(fake):
    folder = fake("failed", "model=ntm").resolve()
    error = f"no space left; resume={folder} resumes it; see {folder}/metrics.json"
    write_json(folder / "metrics.json", {"status": "failed", "error": error})
    (problem,) = found(fake.top).values()
    assert problem.what == "failed: no space left; resume=failed resumes it; see metrics.json"


def test_the_files_of_a_logger_are_no_run(fake):
    files = fake("a", "model=ntm") / "wandb" / "run-1" / "files"
    files.mkdir(parents=True)
    (files / "config.yaml").write_text("model: {value: {name: ntm}}\n")
    assert list(found(fake.top)) == ["a"]


def test_planned_jobs_of_a_sweep_are_problems(fake):
    fake("sweep/0_ntm", "model=ntm")
    jobs = [{"folder": name, "overrides": []} for name in ("0_ntm", "1_ntm")]
    write_json(fake.top / "sweep" / "sweep.json", {"overrides": [], "jobs": jobs})
    its = found(fake.top)
    assert its["1_ntm"] == Problem("1_ntm", "not begun")
    assert isinstance(its["0_ntm"], EndedRun)


def test_a_running_run_is_a_problem(fake):
    folder = fake("running", "model=ntm")
    (folder / "metrics.json").unlink()
    with lock.held(folder):
        assert found(fake.top) == {"running": Problem("running", "is running")}


def test_what_training_writes_is_read(tmp_path):
    train_small(tmp_path / "run", model="lstm")
    (entry,) = found(tmp_path).values()
    assert isinstance(entry, EndedRun)
    assert entry.metrics["status"] == "finished"
    assert [row["update"] for row in entry.history] == ["1"]
    assert entry.evaluation == {}


FAULTS = {
    "seed": [None, 1.5, "abc", True, 7],
    "model": [None, [], "lstm"],
    "task": ["mnist1d", {}],
    "versions": [None, [], {"torch": 2}],
    "solved": ["yes", 1, None],
    "sequences_to_solve": [None, "soon", -1],
    "seconds": ["x", -2.0, True],
    "test": ["good", [1], {"10x20": None}, {"10x20": {"payload_error": 7.0}}, {"10x20": {"payload_error": "0.1"}}],
    "validation": [[], {"error_bits": -3.0}],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in FAULTS.items() for value in values])
def test_an_invalid_value_in_metrics_json_is_a_problem(fake, key, value):
    fake("a", "model=ntm", **{key: value})
    (one,) = found(fake.top).values()
    assert isinstance(one, Problem)
    assert key in one.what or "10x20" in one.what or "error_bits" in one.what
    assert not one.counted


@pytest.mark.parametrize("content", ["null", "[]"])
def test_a_metrics_json_that_is_no_object_is_a_problem(fake, content):
    fake("a", "model=ntm").joinpath("metrics.json").write_text(content)
    one = found(fake.top)["a"]
    assert isinstance(one, Problem)
    assert one.what == "metrics.json is damaged (it holds no metrics)"


@pytest.mark.parametrize(
    "content",
    [
        "update,sequences,loss\n1,nan,2\n",
        "update,sequences,loss\n1,16,x\n",
        "update,sequences,loss\n1,16,0.5\n2,3",
        "update,seq",
        "",
        "update\n1\n",
        "\0\xff",
    ],
)
def test_an_invalid_history_is_a_problem(fake, content):
    fake("a", "model=ntm").joinpath("history.csv").write_bytes(content.encode("latin-1"))
    (one,) = found(fake.top).values()
    assert isinstance(one, Problem)
    assert one.what.startswith("history.csv is damaged (")


@pytest.mark.parametrize("content", ["[1]", '{"test": null}', '{"test": {"5x5": {"payload_error": 3}}}'])
def test_an_invalid_evaluation_is_a_problem(fake, content):
    fake("a", "model=ntm").joinpath("evaluation.json").write_text(content)
    (one,) = found(fake.top).values()
    assert isinstance(one, Problem)
    assert one.what.startswith("evaluation.json")


def test_links_to_folders_are_followed_once(fake, tmp_path):
    folder = fake("real", "model=ntm")
    other = tmp_path / "elsewhere"
    folder.rename(other)
    (fake.top / "link").symlink_to(other)
    (fake.top / "again").symlink_to(other)
    (fake.top / "round").symlink_to(fake.top)
    assert [path.resolve() for path in gather.find([str(fake.top)])] == [other]
