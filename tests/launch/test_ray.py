"""Ray launcher, on a cluster without shared files: jobs are sent, stopped, lost, and their results collected."""

import json
import os
import signal
import sys
import time
from collections import deque
from types import SimpleNamespace

import pytest

from src.launch import ray as launcher_of_ray
from src.launch import ray_cluster, ray_worker, sweep
from src.run import lock, provenance
from src.settings import cli
from src.settings.errors import ConfigError
from tests.helpers import small, train_small, written
from tests.launch.test_sweep import command, ended, wait

LAUNCHER = {
    "_target_": launcher_of_ray.TARGET,
    "ray": {"init": {"address": None}, "remote": {"num_cpus": 1, "num_gpus": 0, "max_retries": 1}},
}


def changed(section, key, value):
    its = json.loads(json.dumps(LAUNCHER))
    its["ray"][section][key] = value
    return its


@pytest.fixture
def begun(tmp_path):
    """A sweep of two small jobs, of which the last is invalid; the folder and the jobs."""
    folder = tmp_path / "sweep"
    lines = [
        small("seed=0", model="mlp", task="mnist1d"),
        small("model.hidden_sizes=[0]", model="mlp", task="mnist1d"),
    ]
    jobs = [
        cli.composed("train", line)[0]._replace(folder=folder / str(n), sweep=folder, launcher=LAUNCHER, number=n)
        for n, line in enumerate(lines)
    ]
    sweep.begin(folder, ["seed=0,1"], jobs)
    return folder, jobs


class FakeRay:
    """Mock of the part of Ray that is used; jobs run in this process.

    Args:
        lose: numbers of workers that are lost.
        queued: numbers of workers that get no place to run.
        signals: raised one by one while the launcher waits.
    """

    class exceptions:
        class RayError(Exception):
            pass

    def __init__(self, lose=(), queued=(), signals=()):
        self.lose, self.queued, self.signals = lose, queued, deque(signals)
        self.made, self.sent, self.stopped, self.killed, self.down = 0, [], [], [], False

    def remote(self, **_):
        def kind(cls):
            class Made:
                @staticmethod
                def remote():
                    self.made += 1
                    return Handle(self, self.made - 1, cls())

            return Made

        return kind

    def init(self, **settings):
        self.settings = settings

    def nodes(self):
        return [{"Alive": True, "Resources": {"CPU": 1.0}}, {"Alive": False, "Resources": {"CPU": 64.0}}]

    def cluster_resources(self):
        return {"CPU": 1.0}

    def wait(self, out, num_returns, timeout=None):
        if self.signals and (number := self.signals.popleft()) is not None:
            signal.raise_signal(number)
        there = [one for one in out if one.number not in self.queued][:num_returns]
        return there, [one for one in out if one not in there]

    def get(self, one):
        return one.outcome()

    def kill(self, handle):
        self.killed.append(handle.number)

    def shutdown(self):
        self.down = True


class Ref:
    def __init__(self, number, outcome=None):
        self.number, self.outcome = number, outcome


class Handle:
    def __init__(self, ray, number, its):
        self.ray, self.number, self.its = ray, number, its
        for name in ("ready", "run", "stop"):
            setattr(self, name, SimpleNamespace(remote=getattr(self, f"_{name}")))

    def _ready(self):
        return Ref(self.number)

    def _run(self, *arguments):
        self.ray.sent.append(arguments)

        def outcome():
            if self.number in self.ray.lose:
                raise self.ray.exceptions.RayError("the machine is gone\nat length")
            return self.its.run(*arguments)

        return Ref(self.number, outcome)

    def _stop(self):
        self.ray.stopped.append(self.number)  # the job has already ended


def retried(jobs):
    """The jobs with retry_failed=true."""
    found = []
    for job in jobs:
        composed = job.composed.copy()
        composed.retry_failed = True
        found.append(job._replace(composed=composed))
    return found


@pytest.fixture
def fake(monkeypatch):
    """Replace Ray by a mock."""

    def made(**options):
        ray = FakeRay(**options)
        monkeypatch.setitem(sys.modules, "ray", ray)
        return ray

    return made


def test_results_of_a_sweep_are_collected(begun, fake, capsys):
    folder, jobs = begun
    ray = fake()
    assert launcher_of_ray.launch(jobs, folder) == 1
    assert [job.status for job in sweep.statuses(folder)] == ["finished", "failed"]
    assert written(jobs[1].folder)["error"] == "model.hidden_sizes[0]=0: must be an integer of at least 1"
    assert "sweep: 1 of 2 done, 1 failed" in capsys.readouterr().out
    assert (ray.killed, ray.down) == ([0, 1], True)
    assert ray.settings["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"
    assert (ray.settings["address"], ray.settings["include_dashboard"]) == ("local", False)
    assert all(job.side_by_side for job, _ in ray.sent)
    assert written(jobs[0].folder)["git_revision"] == provenance.git_revision()
    # Jobs that are done are not sent again; failed jobs are with retry_failed=true.
    before = [(job.folder / "metrics.json").stat().st_mtime_ns for job in jobs]
    assert launcher_of_ray.launch(jobs, folder) == 1
    assert len(ray.sent) == 2
    assert launcher_of_ray.launch(retried(jobs), folder) == 1
    assert len(ray.sent) == 3
    after = [(job.folder / "metrics.json").stat().st_mtime_ns for job in jobs]
    assert after[0] == before[0]
    assert after[1] > before[1]


def test_a_job_whose_machine_is_lost_is_sent_again(begun, fake, capsys):
    folder, jobs = begun
    ray = fake(lose=[0])
    assert launcher_of_ray.launch(jobs[:1], folder) == 0
    assert len(ray.sent) == 2
    assert "0: lost (the machine is gone), sent again\n" in capsys.readouterr().out
    assert [job.status for job in sweep.statuses(folder)] == ["finished", "waiting"]


def test_a_job_that_is_lost_too_often_stays_waiting(begun, fake, capsys):
    folder, jobs = begun
    ray = fake(lose=[0, 1])
    assert launcher_of_ray.launch(jobs[:1], folder) == 1
    assert len(ray.sent) == 2
    assert "0: lost (the machine is gone)\n" in capsys.readouterr().out
    assert sweep.status_of(jobs[0].folder).status == "waiting"


def test_a_job_that_another_process_is_running_is_skipped(begun, fake, capsys):
    folder, jobs = begun
    ray = fake()
    with lock.held(jobs[0].folder):
        (jobs[0].folder / "mine").touch()
        assert launcher_of_ray.launch(jobs[:1], folder) == 1
    assert (ray.sent, (jobs[0].folder / "mine").exists()) == ([], True)
    assert "0: another process is running it; skipped\n" in capsys.readouterr().out


def test_a_job_that_was_finished_meanwhile_is_not_sent(begun, fake, monkeypatch):
    folder, jobs = begun
    ray = fake()

    def meanwhile(**_):
        train_small(jobs[0].folder, model="mlp", task="mnist1d")

    monkeypatch.setattr(ray, "init", meanwhile)
    assert launcher_of_ray.launch(jobs[:1], folder) == 0
    assert ray.sent == []


def test_the_folder_of_a_sent_job_is_locked(begun, fake, monkeypatch):
    folder, jobs = begun
    ray = fake(lose=[0])
    seen = []
    get = ray.get

    def look(one):
        seen.append([lock.is_held(job.folder) for job in jobs])
        return get(one)

    monkeypatch.setattr(ray, "get", look)
    monkeypatch.setattr(
        launcher_of_ray, "unpack", lambda *_: look(SimpleNamespace(outcome=lambda: ray_worker.unpack(*_)))
    )
    assert launcher_of_ray.launch(jobs, folder) == 1
    # Job 0 is lost and sent again after job 1; each folder is locked until the result is written.
    assert seen == [[True, True], [True, True], [True, True], [True, False], [True, False]]
    assert not any(lock.is_held(job.folder) for job in jobs)
    assert [job.status for job in sweep.statuses(folder)] == ["finished", "failed"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_jobs_and_collects_their_results(begun, fake, capsys, number):
    folder, jobs = begun
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    before = signal.signal(number, usual)  # independent of how the tests were started
    ray = fake(signals=[number], queued=[1])
    try:
        assert launcher_of_ray.launch(jobs, folder) == 130
        assert signal.getsignal(number) == usual
    finally:
        signal.signal(number, before)
    assert [job.status for job in sweep.statuses(folder)] == ["finished", "waiting"]
    # The queued job is dropped first, else it would begin when the other one ends.
    assert (ray.stopped, ray.killed, ray.down) == ([0], [1, 0], True)
    assert "stopping the jobs that were sent" in capsys.readouterr().out


@pytest.mark.parametrize("waits", [1, 2])
def test_a_second_signal_collects_the_results_that_are_ready(begun, fake, waits):
    folder, jobs = begun
    fake(signals=[signal.SIGINT, *[None] * (waits - 1), signal.SIGTERM])
    assert launcher_of_ray.launch(jobs[:1], folder) == 130
    assert sweep.status_of(jobs[0].folder).status == "finished"


def test_a_job_that_does_not_stop_in_time_is_reported(begun, fake, monkeypatch, capsys):
    folder, jobs = begun
    monkeypatch.setattr(launcher_of_ray, "GRACE", 0.0)
    ray = fake(signals=[None, signal.SIGINT])
    wait_for = ray.wait

    def never(out, num_returns, timeout=None):
        there, left = wait_for(out, num_returns, timeout)
        return ([], out) if timeout == 0 and there[0].outcome else (there, left)

    monkeypatch.setattr(ray, "wait", never)
    assert launcher_of_ray.launch(jobs, folder) == 130
    assert "1: has not stopped in time\n" in capsys.readouterr().out
    assert (ray.stopped, ray.killed) == ([1], [0, 1])
    assert [job.status for job in sweep.statuses(folder)] == ["finished", "waiting"]


@pytest.mark.parametrize(
    ("fault", "times"), [(KeyboardInterrupt(), 1), (OSError(28, "disk full"), 1), (OSError(28, "disk full"), 2)]
)
def test_an_error_while_a_result_is_collected(begun, fake, monkeypatch, capsys, fault, times):
    folder, jobs = begun
    ray = fake()
    faults = [fault] * times

    def unpack(*arguments):
        if faults:
            raise faults.pop()
        ray_worker.unpack(*arguments)

    monkeypatch.setattr(launcher_of_ray, "unpack", unpack)
    if isinstance(fault, OSError):
        with pytest.raises(ConfigError) as refusal:
            launcher_of_ray.launch(jobs, folder)
        again = cli.argument("resume", folder)
        assert str(refusal.value) == f"{folder}: [Errno 28] disk full; must be fixed, then {again} resumes it"
    else:
        assert launcher_of_ray.launch(jobs, folder) == 130
    # Collecting is tried once more; if that fails too, the other job is still collected.
    first = "finished" if times == 1 else "waiting"
    assert [job.status for job in sweep.statuses(folder)] == [first, "failed"]
    assert ("0: cannot be collected ([Errno 28] disk full)\n" in capsys.readouterr().out) == (times == 2)
    assert (ray.killed, ray.down) == ([0, 1], True)


def test_a_begun_job_is_sent_with_its_run_folder(begun, fake, tmp_path):
    folder, jobs = begun
    ray = fake()
    assert launcher_of_ray.launch(jobs[:1], folder) == 0
    assert ray.sent == [(jobs[0]._replace(side_by_side=True), None)]
    (jobs[0].folder / "metrics.json").unlink()
    assert launcher_of_ray.launch(jobs[:1], folder) == 0
    ray_worker.unpack(ray.sent[1][1], tmp_path / "there")
    assert (tmp_path / "there" / "config.yaml").exists()
    assert "Resuming from update 1." in (jobs[0].folder / "train.log").read_text()


def test_two_commands_cannot_run_one_sweep(begun, fake):
    folder, jobs = begun
    fake()
    with lock.held(folder), pytest.raises(ConfigError, match="another process is writing to it"):
        launcher_of_ray.launch(jobs, folder)


@pytest.mark.parametrize(
    ("launcher", "text"),
    [
        (changed("init", "address", 3), "hydra.launcher.ray.init.address=3: must be null, auto or the address"),
        (changed("init", "address", ""), "hydra.launcher.ray.init.address='': must be null, auto or the address"),
        (changed("remote", "max_retries", -1), "hydra.launcher.ray.remote.max_retries=-1: must be an integer of"),
        (changed("remote", "num_cpus", "two"), "hydra.launcher.ray.remote.num_cpus='two': must be"),
    ],
)
def test_invalid_settings(fake, launcher, text):
    fake()
    with pytest.raises(ConfigError) as refusal:
        ray_cluster.read(launcher)
    assert str(refusal.value).startswith(text)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("num_cpu", 2, "Invalid option keyword num_cpu for actors"),
        ("memory", "2GB", "The type of keyword 'memory' must be"),
        ("max_concurrency", 3, "ray._private.worker.remote() got multiple values for keyword argument"),
    ],
)
def test_settings_that_ray_refuses(key, value, reason):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError) as refusal:
        ray_cluster.read(changed("remote", key, value))
    assert str(refusal.value).startswith(f"hydra.launcher.ray.remote.{key}={value!r}: {reason}")
    assert str(refusal.value).endswith("; must be what Ray gives an actor")


@pytest.mark.parametrize(
    ("key", "value", "most"),
    [
        ("num_cpus", 8, "{'CPU': 1.0}"),
        ("num_gpus", 1, "{'CPU': 1.0, 'GPU': 0}"),
        ("resources", {"TPU": 4}, "{'CPU': 1.0, 'TPU': 0}"),
    ],
)
def test_resources_that_no_machine_has_are_refused_on_a_local_cluster(begun, fake, capsys, key, value, most):
    folder, jobs = begun
    ray, launcher = fake(), changed("remote", key, value)
    with pytest.raises(ConfigError) as refusal:
        launcher_of_ray.launch([jobs[0]._replace(launcher=launcher)], folder)
    its = {name: one for name, one in launcher["ray"]["remote"].items() if name != "max_retries"}
    text = f"hydra.launcher.ray.remote={its}: no machine has that; must be within {most}"
    assert (str(refusal.value), ray.sent, ray.down) == (text, [], True)
    # A cluster that was not started here may grow.
    launcher["ray"]["init"]["address"] = "auto"
    assert launcher_of_ray.launch([jobs[0]._replace(launcher=launcher)], folder) == 0
    assert f"{text}; jobs wait till one joins the cluster\n" in capsys.readouterr().out
    assert ray.settings["address"] == "auto"


def test_ray_must_be_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="hydra/launcher=ray: needs ray, which `make ray` installs"):
        ray_cluster.read(LAUNCHER)


def test_a_cluster_that_does_not_answer_is_refused(begun, fake, monkeypatch):
    folder, jobs = begun
    ray = fake()

    def refuse(**_):
        raise ConnectionError("nobody answers\nat length")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.ray\.init=\{.*\}: nobody answers; must be what ray"):
        launcher_of_ray.launch(jobs, folder)


def test_a_sweep_on_a_real_cluster(tmp_path):
    """Ray on this machine: two jobs fail, then the sweep is resumed, and jobs that are done are not run again."""
    pytest.importorskip("ray")
    folder = tmp_path / "sweep"
    sizes = small("model.hidden_sizes=[8],[0]", f"hydra.sweep.dir={folder}", model="mlp", task="mnist1d")

    code, output = ended(command("-m", *sizes, "seed=0,1", "hydra/launcher=ray"))
    assert (code, "2 of 4 done, 2 failed" in output, "Traceback" in output) == (1, True, False), output
    statuses = [job.status for job in sweep.statuses(folder)]
    assert statuses == ["finished", "finished", "failed", "failed"]
    first = folder / "0_mnist1d_mlp_seed0"
    train_small(tmp_path / "here", "seed=0", model="mlp", task="mnist1d")
    assert written(first)["validation"] == written(tmp_path / "here")["validation"]
    before = (first / "metrics.json").stat().st_mtime_ns
    code, output = ended(command(f"resume={folder}"))
    assert (code, "2 of 4 done, 2 failed" in output) == (1, True), output
    assert (first / "metrics.json").stat().st_mtime_ns == before


def test_ctrl_c_on_a_real_cluster(tmp_path):
    """The running job stops with a checkpoint and is collected; the queued job is dropped without waiting."""
    pytest.importorskip("ray")
    folder, there = tmp_path / "sweep", tmp_path / "there"
    there.mkdir()
    long = ["trainer.max_steps=100000", "validate_every=20", "stop_when_solved=false"]
    line = small(*long, f"hydra.sweep.dir={folder}", model="mlp", task="mnist1d")
    ours = ["hydra/launcher=ray", "+hydra.launcher.ray.init.num_cpus=1"]
    # Ray's sockets need a short path; RAY_ADDRESS must have no effect when a cluster is started here.
    variables = {"TMPDIR": str(there), "RAY_TMPDIR": "/tmp", "RAY_ADDRESS": "127.0.0.1:1"}
    process = command("-m", *line, "seed=0,1", *ours, **variables)
    wait(lambda: list(there.glob("*/run/checkpoints/last.ckpt")))
    assert lock.is_held(folder / "0_mnist1d_mlp_seed0")
    os.killpg(process.pid, signal.SIGINT)  # to all processes, as a terminal does
    began = time.monotonic()
    code, output = ended(process)
    assert (code, "Traceback" in output, time.monotonic() - began < launcher_of_ray.GRACE) == (130, False, True), (
        output
    )
    assert [job.status for job in sweep.statuses(folder)] == ["stopped", "waiting"], output
    first = folder / "0_mnist1d_mlp_seed0"
    assert written(first)["updates"] >= 20
    assert (first / "checkpoints" / "last.ckpt").exists()
    assert not list(there.glob("*/run"))
