"""Jobs of a sweep on a cluster that shares no files: sent out, stopped, lost, brought home."""

import json
import subprocess
import sys

import pytest

from src import cli, remote, runs, sweep, worker
from src.build import ConfigError
from tests.helpers import small, train_small, written
from tests.test_sweep import ROOT

LAUNCHER = {
    "_target_": remote.TARGET,
    "ray": {"init": {"address": None}, "remote": {"num_cpus": 1, "num_gpus": 0, "max_retries": 1}},
}


def changed(section, key, value):
    its = json.loads(json.dumps(LAUNCHER))
    its["ray"][section][key] = value
    return its


@pytest.fixture
def begun(tmp_path):
    """A sweep of two tiny jobs, of which the last cannot be run, and the jobs."""
    folder = tmp_path / "sweep"
    lines = [
        small("seed=0", "hydra/launcher=ray", model="mlp", task="mnist1d"),
        small("model.hidden_sizes=[0]", model="mlp", task="mnist1d"),
    ]
    jobs = [cli.Job({}, line, folder / str(n), folder, LAUNCHER) for n, line in enumerate(lines)]
    sweep.begin(folder, ["seed=0,1"], jobs)
    return folder, jobs


class FakeRay:
    """What is used of Ray, done here and at once; workers whose names are in `lose` are lost, each once."""

    class exceptions:
        class RayError(Exception):
            pass

    def __init__(self, lose=(), interrupt=False):
        self.lose, self.interrupt = list(lose), interrupt
        self.sent, self.killed, self.down = [], 0, False

    def remote(self, **_):
        def kind(cls):
            class Made:
                @staticmethod
                def remote():
                    worker = cls()
                    return Handle(self, worker)

            return Made

        return kind

    def init(self, **settings):
        self.settings = settings

    def cluster_resources(self):
        return {"CPU": 1.0}

    def wait(self, out, num_returns, timeout=None):
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt
        return out[:num_returns], out[num_returns:]

    def get(self, one):
        return one()

    def kill(self, worker):
        self.killed += 1

    def shutdown(self):
        self.down = True


class Handle:
    def __init__(self, ray, worker):
        self.run, self.stop = self.Method(ray, worker.run), self.Method(ray, worker.stop, at_once=True)

    class Method:
        def __init__(self, ray, call, at_once=False):
            self.ray, self.call, self.at_once = ray, call, at_once

        def remote(self, *arguments):
            if self.at_once:
                return self.call(*arguments)
            self.ray.sent.append(arguments)
            number = len(self.ray.sent) - 1

            def outcome():
                if number in self.ray.lose:
                    raise self.ray.exceptions.RayError("the machine is gone\nat length")
                return self.call(*arguments)

            return outcome


@pytest.fixture
def fake(monkeypatch):
    """Put a fake in the place of Ray."""

    def made(**options):
        ray = FakeRay(**options)
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: ray)
        return ray

    return made


def test_a_sweep_comes_home(begun, fake, capsys):
    folder, jobs = begun
    ray = fake()
    assert remote.carry_out(jobs, folder, False) == 1
    assert [job.standing for job in sweep.standings(folder)] == ["finished", "failed"]
    assert written(jobs[1].folder)["error"] == "model.hidden_sizes[0]=0: must be an integer of at least 1"
    assert "sweep: 1 of 2 done, 1 failed" in capsys.readouterr().out
    assert (ray.killed, ray.down) == (2, True)
    assert ray.settings["runtime_env"]["env_vars"]["OMP_NUM_THREADS"] == "1"
    assert ray.settings["include_dashboard"] is False
    assert not any(one.startswith("hydra") for overrides, _ in ray.sent for one in overrides)
    assert written(jobs[0].folder)["git_revision"] == runs.git_revision()
    # What is done is not sent out again; what failed is when that is asked for.
    before = [(job.folder / "metrics.json").stat().st_mtime_ns for job in jobs]
    assert remote.carry_out(jobs, folder, False) == 1
    assert len(ray.sent) == 2
    assert remote.carry_out(jobs, folder, True) == 1
    assert len(ray.sent) == 3
    after = [(job.folder / "metrics.json").stat().st_mtime_ns for job in jobs]
    assert after[0] == before[0]
    assert after[1] > before[1]


def test_a_job_whose_machine_is_lost_is_sent_out_again(begun, fake, capsys):
    folder, jobs = begun
    ray = fake(lose=[0])
    assert remote.carry_out(jobs[:1], folder, False) == 0
    assert len(ray.sent) == 2
    assert "0: lost (the machine is gone), sent out again\n" in capsys.readouterr().out
    assert [job.standing for job in sweep.standings(folder)] == ["finished", "waiting"]


def test_a_job_that_is_lost_too_often_is_waiting_still(begun, fake, capsys):
    folder, jobs = begun
    ray = fake(lose=[0, 1])
    assert remote.carry_out(jobs[:1], folder, False) == 1
    assert len(ray.sent) == 2
    assert "0: lost (the machine is gone)\n" in capsys.readouterr().out
    assert sweep.standing(jobs[0].folder).standing == "waiting"


def test_ctrl_c_takes_in_how_far_the_jobs_have_come(begun, fake, capsys):
    folder, jobs = begun
    long = ["trainer.max_steps=100000", "validate_every=20", "stop_when_solved=false"]
    jobs = [job._replace(overrides=[*job.overrides, *long]) for job in jobs[:1]]
    fake(interrupt=True)
    assert remote.carry_out(jobs, folder, False) == 130
    # The worker is told to stop before its job has begun: it stops as soon as it can.
    assert sweep.standing(jobs[0].folder).standing in ("stopped", "waiting")
    assert "stopping the jobs that are out" in capsys.readouterr().out


def test_a_job_that_has_begun_is_sent_out_with_what_it_has(tmp_path):
    folder = tmp_path / "run"
    overrides = small("logger=csv", "hydra/launcher=ray", "resume=x", model="mlp", task="mnist1d")
    job = cli.Job({}, overrides, folder, tmp_path, LAUNCHER)
    given, archive = remote.arguments(job)
    assert (given[-2:], archive) == (["logger=csv", "trainer.enable_progress_bar=false"], None)
    folder.mkdir()
    (folder / "config.yaml").touch()
    given, archive = remote.arguments(job)
    assert given == ["logger=none", "trainer.enable_progress_bar=false", "logger=csv", given[-1]]
    worker.unpack(archive, tmp_path / "there")
    assert (tmp_path / "there" / "config.yaml").exists()


def test_two_sweepers_never_share_a_sweep(begun, fake):
    folder, jobs = begun
    fake()
    with runs.held(folder), pytest.raises(ConfigError, match="another process is writing to it"):
        remote.carry_out(jobs, folder, False)


@pytest.mark.parametrize(
    ("launcher", "text"),
    [
        (changed("init", "address", 3), "hydra.launcher.ray.init.address=3: must be null, auto or the address"),
        (changed("init", "address", ""), "hydra.launcher.ray.init.address='': must be null, auto or the address"),
        (changed("remote", "max_retries", -1), "hydra.launcher.ray.remote.max_retries=-1: must be an integer of"),
        (changed("remote", "num_cpus", "two"), "hydra.launcher.ray.remote.num_cpus='two': must be"),
    ],
)
def test_settings_that_cannot_be_used(fake, launcher, text):
    fake()
    with pytest.raises(ConfigError) as refusal:
        remote.settings(launcher)
    assert str(refusal.value).startswith(text)


def test_ray_must_be_installed(monkeypatch):
    monkeypatch.setattr(remote.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="hydra/launcher=ray: needs ray, which `make ray` installs"):
        remote.settings(LAUNCHER)


def test_a_cluster_that_is_not_there_is_told(begun, fake, monkeypatch):
    folder, jobs = begun
    ray = fake()

    def refuse(**_):
        raise ConnectionError("nobody answers\nat length")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.ray\.init=\{.*\}: nobody answers; must be what ray"):
        remote.carry_out(jobs, folder, False)


def test_a_sweep_on_a_real_cluster(tmp_path):
    """Ray on this machine: a failing job among good ones; then the sweep goes on, and nothing is done twice."""
    pytest.importorskip("ray")
    folder = tmp_path / "sweep"
    sizes = small("model.hidden_sizes=[8],[0]", f"hydra.sweep.dir={folder}", model="mlp", task="mnist1d")

    def ended(*arguments):
        command = [sys.executable, "-m", "src.train", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
        return done.returncode, done.stdout + done.stderr

    code, output = ended("-m", *sizes, "seed=0,1", "hydra/launcher=ray")
    assert (code, "2 of 4 done, 2 failed" in output, "Traceback" in output) == (1, True, False), output
    standings = [job.standing for job in sweep.standings(folder)]
    assert standings == ["finished", "finished", "failed", "failed"]
    first = folder / "0_mnist1d_mlp_seed0"
    train_small(tmp_path / "here", "seed=0", model="mlp", task="mnist1d")
    assert written(first)["validation"] == written(tmp_path / "here")["validation"]
    before = (first / "metrics.json").stat().st_mtime_ns
    code, output = ended(f"resume={folder}")
    assert (code, "2 of 4 done, 2 failed" in output) == (1, True), output
    assert (first / "metrics.json").stat().st_mtime_ns == before
