"""Launchers of a sweep: default settings, requirements, and resume of requeued jobs."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from src.common.paths import CHECKOUT as ROOT
from src.launch import basic, joblib, launchers, ray, submitit, sweep
from src.launch.job import losses
from src.run import lock, provenance, train
from src.settings import cli
from src.settings.errors import ConfigError
from src.settings.job import Job
from tests.helpers import compose_train, small, train_small, written

SUBMITIT = "hydra_plugins.hydra_submitit_launcher"


def test_default_settings_of_a_launcher_give_way_to_those_of_the_user():
    assert launchers.with_defaults(["seed=0,1"]) == ["seed=0,1"]
    line = ["hydra/launcher=joblib", "hydra.launcher.batch_size=1"]
    assert launchers.with_defaults(line[:1]) == line
    own = ["hydra/launcher=joblib", "hydra.launcher.batch_size=4"]
    assert launchers.with_defaults(own) == own
    line = launchers.with_defaults(["hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=9"])
    its = {one.key_or_group: one.value() for one in cli.parsed(line)}
    assert its["hydra.launcher.timeout_min"] == 9
    assert its["hydra.launcher.cpus_per_task"] == 1
    assert its["hydra.launcher.stderr_to_stdout"] is True
    assert [str(one) for one in its["hydra.launcher.setup"]] == ["export OMP_NUM_THREADS=1"]


@pytest.mark.parametrize("name", ["submitit_slurm", "submitit_local"])
def test_default_settings_are_valid_for_the_launcher(name):
    pytest.importorskip(SUBMITIT)
    (job,) = cli.composed("train", launchers.with_defaults([f"hydra/launcher={name}"]), multirun=True)
    assert (job.launcher["timeout_min"], job.launcher["name"]) == (240, "dms_ntm_lab")


def test_how_many_jobs_at_a_time(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert basic.workers({}) == 1
    assert [joblib.workers({"n_jobs": n}) for n in (3, -1, -2)] == [3, 8, 7]
    assert submitit.workers({"_target_": submitit.SLURM, "array_parallelism": 256}) == 256
    assert submitit.workers({"_target_": submitit.LOCAL}) > 10_000  # all of them
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(remote=lambda **_: lambda worker: worker))
    (job,) = cli.composed("train", ["hydra/launcher=ray", "hydra.launcher.ray.remote.num_cpus=2"], multirun=True)
    assert launchers.launcher_of(job.launcher).workers(job.launcher) == 4


def test_slurm_must_be_installed(monkeypatch):
    launcher = {"_target_": submitit.SLURM}
    monkeypatch.setattr("shutil.which", lambda name: None if name == "sbatch" else name)
    with pytest.raises(ConfigError) as refusal:
        submitit.check(launcher)
    assert str(refusal.value) == (
        "hydra/launcher=submitit_slurm: there is no sbatch here; "
        "must be given on a machine that can send jobs to Slurm"
    )
    monkeypatch.setattr("shutil.which", lambda name: name)
    submitit.check(launcher)


def test_settings_of_ray_are_those_of_the_file_and_the_command_line():
    (job,) = cli.composed("train", ["hydra/launcher=ray", "hydra.launcher.ray.init.address=auto"], multirun=True)
    assert launchers.launcher_of(job.launcher) is ray
    assert job.launcher["ray"] == {
        "init": {"address": "auto"},
        "remote": {"num_cpus": 1, "num_gpus": 0, "max_retries": 2},
    }
    assert job.launcher["_target_"] == ray.TARGET


def test_a_job_that_a_cluster_stops_can_be_resumed(tmp_path, monkeypatch):
    """A cluster ends the process by SystemExit, and starts the same job again on another machine."""
    folder = tmp_path / "run"
    overrides = small("trainer.max_steps=6", "validate_every=2", model="lstm")
    fit = train.lightning.Trainer.fit

    def cut_short(self, *arguments, **options):
        make = self.lightning_module
        assert make is None

        class Stop(train.lightning.pytorch.callbacks.Callback):
            def on_train_batch_start(self, trainer, *_):
                if trainer.global_step == 3:
                    sys.exit(144)

        self.callbacks.append(Stop())
        fit(self, *arguments, **options)

    monkeypatch.setattr(train.lightning.Trainer, "fit", cut_short)
    with pytest.raises(SystemExit) as end:
        train.train(compose_train(*overrides), folder)
    assert end.value.code == 144
    assert written(folder)["status"] == sweep.status_of(folder).status == "stopped"
    monkeypatch.setattr(train.lightning.Trainer, "fit", fit)
    train.resume(folder)
    whole = tmp_path / "whole"
    train_small(whole, "trainer.max_steps=6", "validate_every=2", model="lstm")
    theirs, ours = (torch.load(one / "checkpoints/last.ckpt", weights_only=True) for one in (whole, folder))
    for name, weight in theirs["state_dict"].items():
        torch.testing.assert_close(ours["state_dict"][name], weight, rtol=0, atol=0)


def test_jobs_of_submitit(tmp_path):
    """With the executor for one machine: a preempted job is requeued and resumed, and a done one not run again.

    SIGTERM only announces preemption; if the run ended at SIGTERM, submitit would not requeue it.
    """
    pytest.importorskip(SUBMITIT)
    folder = tmp_path / "sweep"
    length = ("trainer.max_steps=240", "validate_every=20", "stop_when_solved=false")
    line = small(*length, f"hydra.sweep.dir={folder}", model="lstm")
    command = [sys.executable, "-m", "src.train"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    first, second = (folder / f"{n}_repeat_copy_lstm_seed{n}" for n in (0, 1))
    at = first / "checkpoints" / "last.ckpt"
    launched = [*command, "-m", *line, "seed=0,1", "hydra/launcher=submitit_local"]
    with subprocess.Popen(launched, cwd=ROOT, **pipes) as process:
        until(at.exists, process)
        (job,) = [pid for pid, its in command_lines() if "submitit.core._submit" in its and is_in(first, pid)]
        os.kill(job, signal.SIGTERM)
        before = at.stat().st_mtime_ns
        until(lambda: at.stat().st_mtime_ns > before, process)  # it continues to train
        os.kill(job, signal.SIGUSR2)
        printed = process.communicate(timeout=240)[0]
    assert (process.returncode, "2 of 2 done" in printed, "Traceback" in printed) == (0, True, False), printed
    assert "Resuming from update" in (first / "train.log").read_text()
    assert "Resuming from update" not in (second / "train.log").read_text()
    train_small(tmp_path / "here", *length, "seed=1", model="lstm")
    assert written(second)["validation"] == written(tmp_path / "here")["validation"]

    before = (first / "metrics.json").stat().st_mtime_ns
    (second / "metrics.json").unlink()
    done = subprocess.run([*command, f"resume={folder}"], cwd=ROOT, check=False, timeout=500, **pipes)
    assert (done.returncode, "2 of 2 done" in done.stdout) == (0, True), done.stdout
    assert (first / "metrics.json").stat().st_mtime_ns == before
    assert "Resuming from update 240" in (second / "train.log").read_text()


def is_in(folder, pid):
    """Whether a process holds the lock of a run folder."""
    held = (folder / ".lock").stat()
    return any(os.path.samestat(held, os.stat(one)) for one in Path(f"/proc/{pid}/fd").iterdir() if one.exists())


def until(there, process, seconds=240):
    """The first true result of a function that is called repeatedly while a process runs."""
    end = time.monotonic() + seconds
    while not (found := there()):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def command_lines():
    """The process id and command line of every process of this machine."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            yield int(path.parent.name), path.read_text().replace("\0", " ")


@pytest.mark.parametrize("key", submitit.ONE_EACH)
def test_several_slurm_processes_for_a_run_are_refused(key):
    with pytest.raises(ConfigError) as refusal:
        submitit.check({"_target_": submitit.SLURM, key: 2})
    text = f"hydra.launcher.{key}=2: must be 1; trainer.devices starts the processes of a run"
    assert str(refusal.value) == text


@pytest.mark.parametrize("loop", ["fit", "test"])
def test_a_run_that_was_requeued_too_often_is_recoverable(tmp_path, monkeypatch, loop):
    utils = pytest.importorskip("submitit.core.utils")

    def give_up(*_, **__):
        raise utils.UncompletedJobError("timed-out too many times")

    monkeypatch.setattr(train.lightning.Trainer, loop, give_up)
    with pytest.raises(utils.UncompletedJobError):
        train_small(tmp_path / "run", model="lstm")
    ending = sweep.status_of(tmp_path / "run").ending
    assert (ending.status, ending.cause, ending.recoverable) == ("stopped", "preempted", True)


def test_a_job_that_was_requeued_too_often_is_reported_in_one_line(tmp_path, monkeypatch):
    """A job returns its exception as its result."""
    submitit_package = pytest.importorskip("submitit")
    (job,) = cli.composed("train", ["hydra/launcher=submitit_local"], multirun=True)
    lost = SimpleNamespace(results=lambda: [RuntimeError("timed-out too many times")])
    executor = SimpleNamespace(update_parameters=lambda **_: None, map_array=lambda *_: [lost])
    monkeypatch.setattr(submitit_package, "AutoExecutor", lambda **_: executor)
    with pytest.raises(ConfigError, match=r"^a job was lost: timed-out too many times; "):
        submitit.launch([job], tmp_path)


def test_a_lost_job_of_slurm_is_reported_in_one_line():
    with pytest.raises(ConfigError) as refusal, losses("the other jobs continue"):
        raise RuntimeError("\nJob 7 has not produced any output\nat length")
    text = "a job was lost: Job 7 has not produced any output; the other jobs continue; resume runs the rest"
    assert str(refusal.value) == text


def test_a_sweep_in_a_folder_with_runs_is_refused(tmp_path):
    folder = tmp_path / "sweep"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "config.yaml").write_text("seed: 0")
    with pytest.raises(ConfigError, match=r"hydra\.sweep\.dir='.*sweep': holds the run 'a'; must be a new folder"):
        sweep.begin(folder, [], [Job({}, [], folder / "a", folder, {})])


@pytest.mark.parametrize("number", lock.WITHOUT_LOCKS)
def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch, number):
    def unable(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", unable)
    with (
        pytest.raises(ConfigError, match=r"has no locks \(flock\) to keep two processes apart"),
        lock.held(tmp_path),
    ):
        pass


def test_the_revision_is_read_from_the_environment(monkeypatch):
    monkeypatch.setenv(provenance.REVISION, "abc")
    assert provenance.git_revision() == "abc"
