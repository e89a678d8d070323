"""Sweeps: resume after a kill without repeating jobs, status of jobs, and folders that are not shared."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from src.common.files import write_json
from src.launch import sweep
from src.run import lock
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.settings.errors import ConfigError
from src.settings.job import Job
from tests.helpers import small, train_small, written

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments, **variables):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "src.train", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def ended(process):
    """The exit code and what was printed."""
    output, _ = process.communicate(timeout=400)
    return process.returncode, output


def wait(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "the condition stayed false"
        time.sleep(0.01)


def counts(folder):
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/metrics.json")}


def last(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def test_a_sweep_of_sixteen_jobs_survives_a_kill(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    folder = tmp_path / "sweep"
    length = ("trainer.max_steps=120", "validate_every=10")
    settings = small(*length, f"hydra.sweep.dir={folder}", model="mlp", task="mnist1d")
    swept = (
        "model.hidden_sizes=[7],[8],[9],[0]",
        "seed=0,1,2,3",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    process = command("-m", *settings, *swept)
    # A file in place of the folder of checkpoints: this job fails until the file is removed.
    blocked = folder / "1_mnist1d_mlp_seed1"
    wait(lambda: (folder / "sweep.json").exists())
    blocked.mkdir()
    (blocked / "checkpoints").write_text("in the way")

    def half_done():
        jobs = [path.parents[1] for path in folder.glob("*/checkpoints/last.ckpt")]
        return [job for job in jobs if not (job / "metrics.json").exists()]

    wait(lambda: len(counts(folder)) >= 5 and half_done())
    killed = half_done()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    wait(lambda: not any(lock.is_held(job) for job in folder.iterdir() if job.is_dir()))
    killed = [job for job in killed if job in half_done()]
    before = counts(folder)
    statuses = [job.status for job in sweep.statuses(folder)]
    finished = [job.folder.name for job in sweep.statuses(folder) if job.status == "finished"]
    assert len(statuses) == 16
    assert {"finished", "half-done", "waiting"} <= set(statuses)

    code, output = ended(command(f"resume={folder}", "hydra/launcher=basic"))
    assert code == 1, output
    assert {name: counts(folder)[name] for name in before} == before
    statuses = [job.status for job in sweep.statuses(folder)]
    assert statuses == ["finished", "failed", *["finished"] * 10, *["failed"] * 4]
    assert "11 of 16 done, 5 failed" in output
    assert "model.hidden_sizes[0]=0: must be an integer of at least 1" in output
    assert f"resume={folder} retry_failed=true" in output
    assert "Traceback" not in output
    for job in killed:
        assert "Resuming from update" in (job / "train.log").read_text()
        number = int(job.name.split("_")[0])
        cfg = [*length, f"model.hidden_sizes=[{7 + number // 4}]", f"seed={number % 4}"]
        train_small(tmp_path / job.name, *cfg, model="mlp", task="mnist1d")
        theirs = last(tmp_path / job.name)
        assert all(torch.equal(weight, theirs[name]) for name, weight in last(job).items())

    (blocked / "checkpoints").unlink()
    code, output = ended(command(f"resume={folder}", "retry_failed=true", "hydra/launcher=basic"))
    assert (code, "12 of 16 done, 4 failed" in output) == (1, True), output
    assert written(blocked)["status"] == "finished"
    after = counts(folder)
    assert all(after[name] == time for name, time in before.items() if name in finished)


def test_ctrl_c_ends_the_whole_sweep(tmp_path):
    folder = tmp_path / "sweep"
    settings = small("trainer.max_steps=100000", "validate_every=50", f"hydra.sweep.dir={folder}", model="lstm")
    process = command("-m", *settings, "seed=0,1", "stop_when_solved=false")
    wait(lambda: list(folder.glob("0_*/checkpoints/last.ckpt")))
    process.send_signal(signal.SIGINT)
    code, output = ended(process)
    assert code == 130
    assert [job.status for job in sweep.statuses(folder)] == ["stopped", "waiting"]
    assert "0 of 2 done, 1 stopped" in output
    assert f"python -m src.train resume={folder}    # resumes the sweep" in output


def jobs_in(folder, *names):
    return [Job({}, [f"seed={n}"], folder / name, folder, {}) for n, name in enumerate(names)]


@pytest.fixture
def begun(tmp_path):
    """A sweep of seven jobs, one with each status; the running job still has to be locked."""
    folder = tmp_path / "sweep"
    names = ["finished", "diverged", "failed", "stopped", "half-done", "running", "waiting"]
    sweep.begin(folder, ["seed=0,1"], jobs_in(folder, *names))
    for name in names[:-1]:
        (folder / name).mkdir()
        (folder / name / "config.yaml").write_text("seed: 0")
    for name in names[:4]:
        write_json(folder / name / "metrics.json", {"status": name, "updates": 1200, "error": "x" * 100})
    ended = folder / "finished" / "metrics.json"
    write_json(ended, {"status": "finished", "updates": 1200, "validation": {"error_bits": 0.0123}})
    for name in names[:2]:
        start = (folder / name / "config.yaml").stat().st_mtime
        os.utime(folder / name / "metrics.json", (start + 90, start + 90))
    return folder


def test_a_job_may_begin_again_while_its_status_is_read(tmp_path, monkeypatch):
    read = RunFolder.read_metrics

    def read_and_begun_again(self):
        metrics = read(self)
        self.remove_results()
        return metrics

    write_json(tmp_path / "config.yaml", {})
    write_json(tmp_path / "metrics.json", Ending.of("error", "broken").entries())
    monkeypatch.setattr(RunFolder, "read_metrics", read_and_begun_again)
    found = sweep.status_of(tmp_path)
    assert (found.status, found.seconds) == ("failed", None)


def test_the_status_of_jobs(begun):
    with lock.held(begun / "running"):
        jobs = sweep.statuses(begun)
        assert (
            [job.status for job in jobs]
            == [job.folder.name for job in jobs]
            == ["finished", "diverged", "failed", "stopped", "half-done", "running", "waiting"]
        )
        line = sweep.progress(jobs)
        # Three more jobs of 90 s each, and the rest of the one that has just begun.
        expected = "2 of 7 done, 1 diverged, 1 failed, 1 stopped, 1 half-done, 1 running, about 6 min left"
        assert line == expected
        # No more workers than jobs, four here, take a share.
        left = [sweep.progress(jobs, workers).rpartition(", ")[2] for workers in (2, 4, 9)]
        assert left == ["about 3 min left", "about 90 s left", "about 90 s left"]
    assert "about 6 min left" in sweep.progress(sweep.statuses(begun))


def test_the_duration_of_a_resumed_run(begun):
    """config.yaml is written anew when a run is resumed, so that the training itself has taken longer."""
    write_json(begun / "finished" / "metrics.json", {"status": "finished", "seconds": 250.0})
    assert sweep.status_of(begun / "finished").seconds == 250.0


def test_a_negative_duration_is_left_out(begun):
    """After a clock ran ahead or was set back."""
    for name in ("finished", "diverged", "running"):
        os.utime(begun / name / "config.yaml", (4e9, 4e9))
    with lock.held(begun / "running"):
        seconds = {job.folder.name: job.seconds for job in sweep.statuses(begun)}
        assert [seconds[name] for name in ("finished", "diverged", "running")] == [None, None, None]
        assert sweep.progress(sweep.statuses(begun)) == (
            "2 of 7 done, 1 diverged, 1 failed, 1 stopped, 1 half-done, 1 running"
        )
    assert " -" not in sweep.summary(begun).split("python -m")[0]


def test_the_lock_of_a_done_job_is_not_checked(begun, monkeypatch):
    asked = []
    monkeypatch.setattr(lock, "is_held", lambda folder: asked.append(folder.name) or False)
    sweep.statuses(begun)
    assert asked == ["failed", "stopped", "half-done", "running", "waiting"]


def test_the_summary_gives_the_commands_to_resume(begun):
    lines = sweep.summary(begun).splitlines()
    assert lines[0].split() == ["job", "status", "updates", "validation", "took", "error"]
    assert lines[1].split() == ["finished", "finished", "1,200", "error_bits", "0.0123", "90", "s"]
    assert lines[2].split()[-1] == "x" * 79 + "…"
    assert lines[-2:] == [
        f"python -m src.train resume={begun}    # resumes the sweep",
        f"python -m src.train resume={begun} retry_failed=true    # also retries the failed jobs",
    ]


def test_the_summary_names_no_retry_where_all_failures_are_refusals(tmp_path):
    sweep.begin(tmp_path / "sweep", [], jobs_in(tmp_path / "sweep", "a", "b"))
    for name, cause, hint in (("a", "refused", False), ("b", "machine", True)):
        (tmp_path / "sweep" / name).mkdir()
        write_json(tmp_path / "sweep" / name / "metrics.json", Ending.of(cause, "boom").entries())
        assert ("retry_failed" in sweep.summary(tmp_path / "sweep")) == hint


def test_the_summary_of_a_run_whose_metric_was_no_number(begun):
    metrics = json.loads((begun / "finished" / "metrics.json").read_text())
    metrics["validation"] = dict.fromkeys(metrics["validation"])
    write_json(begun / "finished" / "metrics.json", metrics)
    assert "error_bits" not in sweep.summary(begun).splitlines()[1]


def test_the_content_of_sweep_json(begun):
    assert sweep.read(begun)["overrides"] == ["seed=0,1"]
    assert sweep.read(begun)["jobs"][1] == {"folder": "diverged", "overrides": ["seed=1"]}
    with pytest.raises(ConfigError) as refusal:
        sweep.begin(begun, [], [])
    text = f"holds a sweep already; must be a new folder, or resume={begun} to resume it"
    assert str(refusal.value) == f"hydra.sweep.dir={str(begun)!r}: {text}"


@pytest.mark.parametrize("damage", ["", "{", '{"jobs": []}', '{"overrides": 3, "jobs": []}', "[]"])
def test_a_damaged_sweep_json_is_refused(begun, damage):
    (begun / "sweep.json").write_text(damage)
    with pytest.raises(ConfigError, match=r"sweep\.json is damaged \(.*\); must be one of src\.train"):
        sweep.read(begun)


def test_two_jobs_with_one_folder_are_refused(tmp_path):
    with pytest.raises(ConfigError) as refusal:
        sweep.begin(tmp_path / "sweep", [], jobs_in(tmp_path / "sweep", "a", "b", "a"))
    assert str(refusal.value) == (
        f"hydra.sweep.subdir: gives several jobs the folder '{tmp_path}/sweep/a'; must give each its own, "
        "with ${hydra.job.num} for example"
    )
    assert not (tmp_path / "sweep").exists()


def test_a_sweep_in_the_folder_of_a_run_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"holds a run; must be a new folder"):
        sweep.begin(tmp_path, [], [])
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_without_ended_jobs_no_remaining_time_is_shown(tmp_path):
    sweep.begin(tmp_path / "sweep", [], jobs_in(tmp_path / "sweep", "a", "b"))
    assert sweep.progress(sweep.statuses(tmp_path / "sweep")) == "0 of 2 done"
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["jobs"][0]["folder"] == "a"
