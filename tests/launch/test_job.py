"""Jobs as values, and the one function that runs them for single runs, sweeps and searches."""

import logging
import os
import pickle
import sys
from types import SimpleNamespace
from typing import ClassVar

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from src.common.paths import CONF
from src.launch import basic, joblib, submitit, sweep
from src.launch import job as jobs
from src.run.ending import Ending
from src.run.folder import RunFolder
from src.search import work
from src.settings import cli, hydra_job, keys
from src.settings.errors import ConfigError
from tests.helpers import small, written

#: Files of a command line that Hydra writes.
KEPT = ("config.yaml", "hydra.yaml", "overrides.yaml")


@pytest.fixture
def logs():
    """Restores the logging of this process after a test."""
    before, level = logging.root.handlers[:], logging.root.level
    yield
    for handler in logging.root.handlers:
        if handler not in before:
            handler.close()
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


@pytest.fixture
def run(monkeypatch, logs):
    """Replaces `run_job` by a mock and lists the jobs; they finish, except those with seed 13, which fail."""
    given = []

    def run_job(job, extra_callbacks=(), checked=None):
        given.append(job)
        job.folder.mkdir(parents=True, exist_ok=True)
        if job.config.seed == 13:
            raise ConfigError("thirteen")
        metrics = {"status": "finished", "error": None, "test": {"a": {"b": 1.0}}}
        return SimpleNamespace(value=0.5, metrics=metrics, ending=Ending.of("steps"))

    monkeypatch.setattr(jobs, "run_job", run_job)
    monkeypatch.setattr(work, "run_job", run_job)
    monkeypatch.setattr(jobs, "prepare_process", lambda: None)
    return given


def of_sweep(folder, *overrides, seeds="1,2"):
    """The jobs of a sweep that is begun."""
    line = [*small(model="lstm"), f"seed={seeds}", f"hydra.sweep.dir={cli.quoted(folder)}", *overrides]
    found = cli.composed("train", line, multirun=True)
    sweep.begin(folder, line, found)
    return found


def text(value):
    """The configuration of a job as YAML, with Hydra's own node."""
    return OmegaConf.to_yaml(value.whole())


@pytest.mark.parametrize("multirun", [False, True])
def test_a_job_can_be_pickled(tmp_path, multirun):
    line = [*small(model="lstm"), "optimizer.lr=0.5", f"hydra.run.dir={tmp_path}"]
    *_, job = cli.composed("train", [*line, *(["seed=3,4"] if multirun else ["seed=4"])], multirun)
    there = pickle.loads(pickle.dumps(job))
    assert text(there) == text(job)
    assert keys.resolve(there.config) == keys.resolve(job.config)
    assert (there.config.seed, there.config.optimizer.lr, there.folder) == (4, 0.5, job.folder)


def test_jobs_that_share_a_composed_configuration_stay_independent(tmp_path):
    found = of_sweep(tmp_path / "sweep", "optimizer.betas=[0.5,0.6],[0.7,0.8]", "figure={cmap:viridis},{}")
    assert len({id(job.composed) for job in found}) == 2  # a mapping is merged, so not a plain value
    assert [list(job.config.optimizer.betas) for job in found[:3:2]] == [[0.5, 0.6], [0.7, 0.8]]
    assert [job.config.figure.cmap for job in found[:2]] == ["viridis", "jet"]
    before = text(found[0])
    found[0].config.seed = 99
    assert text(found[0]) == before


def hydras_own(monkeypatch, *arguments):
    """Run a command line by Hydra itself."""

    def main(_):
        pass

    main.__module__ = "src.train"
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", ["src.train", *arguments])
    hydra.main(config_path=CONF, config_name="train", version_base="1.3")(main)()


def test_the_files_of_hydra_equal_those_of_hydra_main(tmp_path, monkeypatch, logs):
    """Compared with a run by hydra.main."""
    line = [*small(model="lstm"), "seed=3", f"hydra.run.dir={tmp_path}/run", "+hydra.job.env_set.A=b"]
    hydras_own(monkeypatch, *line)
    theirs = {name: (tmp_path / "run" / ".hydra" / name).read_text() for name in KEPT}
    for name in KEPT:
        (tmp_path / "run" / ".hydra" / name).unlink()
    hydra_job.call(cli.composed("train", line)[0], lambda cfg: None)
    assert {name: (tmp_path / "run" / ".hydra" / name).read_text() for name in KEPT} == theirs


def test_the_files_of_hydra_of_a_sweep_equal_those_of_hydra_main(tmp_path, monkeypatch, logs):
    """Compared with a sweep by hydra.main, in a folder whose path needs no quotes."""
    monkeypatch.chdir(tmp_path)
    line = [*small(), "model=lstm,gru", "~model.memory_slots", "seed=3,4", f"hydra.sweep.dir={tmp_path}/sweep"]
    line = [one for one in line if not one.startswith(("model.", "model=dms", "~"))]
    hydras_own(monkeypatch, "-m", *line)
    folders = sorted(path for path in (tmp_path / "sweep").iterdir() if path.is_dir())
    theirs = [(path / ".hydra" / name).read_text() for path in folders for name in KEPT]
    found = cli.composed("train", line, multirun=True)
    assert [job.folder for job in found] == folders
    for job in found:
        hydra_job.call(job._replace(id=str(job.number)), lambda cfg: None)
    assert [(path / ".hydra" / name).read_text() for path in folders for name in KEPT] == theirs


def test_a_function_is_called_as_hydra_calls_one(tmp_path, logs):
    line = [
        *small(model="lstm"),
        f"hydra.run.dir={tmp_path}/run",
        "+hydra.job.env_set.MINE=yes",
        "hydra.verbose=true",
    ]
    (job,) = cli.composed("train", [*line, "hydra.job.chdir=true", "figure.cmap=${hydra:job.name}"])
    before = os.getcwd()

    def function(cfg):
        logging.getLogger("mine").debug("hello")
        assert HydraConfig.get().runtime.output_dir == str(tmp_path / "run")
        return os.environ["MINE"], os.getcwd(), cfg.figure.cmap

    assert hydra_job.call(job, function) == ("yes", str(tmp_path / "run"), "train")
    assert ("MINE" in os.environ, os.getcwd()) == (False, before)
    assert "DEBUG hello" in (tmp_path / "run" / "train.log").read_text()

    def fails(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        hydra_job.call(job, fails)


class Unsendable(Exception):
    """An exception with another number of arguments than it passes on, which cannot be unpickled."""

    def __init__(self, where, reason):
        super().__init__(f"{where}: {reason}")


def test_a_failure_that_cannot_be_unpickled_is_returned_as_text(tmp_path, monkeypatch, logs):
    def fails(_):
        raise Unsendable("here", "broken")

    monkeypatch.setattr("src.launch.job._run_in_sweep", fails)
    failure = jobs.run_in_sweep(of_sweep(tmp_path / "sweep")[0])
    assert str(sent(failure)) == "Unsendable: here: broken"
    assert isinstance(failure.__cause__, Unsendable)  # with its traceback, in the process that failed


def test_a_refusal_that_cannot_be_unpickled_stays_a_refusal(tmp_path, monkeypatch, logs):
    """A user's mistake has no stack trace."""

    class Refusal(Unsendable, ConfigError):
        pass

    def fails(_):
        raise Refusal("here", "broken")

    monkeypatch.setattr("src.launch.job._run_in_sweep", fails)
    failure = sent(jobs.run_in_sweep(of_sweep(tmp_path / "sweep")[0]))
    assert (type(failure), str(failure)) == (ConfigError, "here: broken")


class Recorder:
    """A callback of Hydra that records the names of the calls, and the values that jobs return."""

    calls: ClassVar[list[str]] = []
    values: ClassVar[list[float]] = []

    def __getattr__(self, name):
        return lambda **given: self.note(name, given.get("job_return"))

    def note(self, name, result):
        self.calls.append(name)
        self.values += [] if result is None else [result.return_value]


def test_callbacks_of_hydra_are_called(tmp_path, logs):
    line = [*small(model="lstm"), f"+hydra.callbacks.mine={{_target_: {Recorder.__module__}.Recorder}}"]
    Recorder.calls.clear()
    Recorder.values.clear()
    job = cli.composed("train", [*line, f"hydra.run.dir={tmp_path}/run"])[0]
    hydra_job.call(job, lambda cfg: SimpleNamespace(value=0.25))  # as an Outcome
    assert Recorder.calls == ["on_run_start", "on_job_start", "on_job_end", "on_run_end"]
    assert Recorder.values == [0.25, 0.25]


def in_this_process(monkeypatch, name):
    """A launcher with workers in this process; the jobs are pickled as for another process."""
    if name == "basic":
        return basic
    if name == "joblib":
        library = pytest.importorskip("joblib")

        def parallel(**_):
            return lambda calls: [of(*map(sent, given)) for of, given, _ in calls]

        monkeypatch.setattr(library, "Parallel", parallel)
        return joblib

    class Executor:
        def __init__(self, **settings):
            self.settings = settings

        def update_parameters(self, **_):
            pass

        def map_array(self, function, given):
            return [SimpleNamespace(results=lambda one=one: [sent(function)(sent(one))]) for one in given]

    library = SimpleNamespace(AutoExecutor=Executor, JobEnvironment=lambda: SimpleNamespace(job_id="77"))
    monkeypatch.setitem(sys.modules, "submitit", library)
    return submitit


def sent(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize(
    ("name", "choice", "ids"),
    [
        ("basic", "basic", ["0", "1", "2"]),
        ("joblib", "joblib", ["train_0", "train_1", "train_2"]),
        ("submitit", "submitit_local", ["77"] * 3),
    ],
)
def test_each_launcher_passes_each_job_to_run_job(monkeypatch, tmp_path, run, name, choice, ids, capsys):
    """A failed job does not stop the others; the first exception is raised at the end."""
    pytest.importorskip(f"hydra_plugins.hydra_{name}_launcher") if name != "basic" else None
    folder = tmp_path / "sweep"
    launcher = in_this_process(monkeypatch, name)
    found = of_sweep(folder, f"hydra/launcher={choice}", seeds="1,13,2")
    with pytest.raises(ConfigError, match=r"^thirteen$"):
        launcher.launch(found, folder)
    assert [(job.config.seed, job.id, job.folder) for job in run] == [
        (seed, id, job.folder) for seed, id, job in zip((1, 13, 2), ids, found, strict=True)
    ]
    assert {job.side_by_side for job in run} == {name != "basic"}
    assert Ending.read(written(found[1].folder)) == Ending.of("refused", "thirteen")
    run.clear()
    with pytest.raises(ConfigError, match=r"failed before: thirteen$"):  # no retry helps
        launcher.launch(found, folder)
    assert [job.config.seed for job in run] == [1, 2]  # the mock wrote no metrics.json for them
    assert launcher.launch(found[::2], folder) == 0
    RunFolder(found[1].folder).write_metrics(Ending.of("error", "boom").entries())
    with pytest.raises(ConfigError, match=r"failed before: boom; retry_failed=true tries it again$"):
        launcher.launch(found[1:2], folder)


def test_a_search_passes_runs_to_run_job(tmp_path, run):
    (job,) = cli.composed("train", small(model="lstm"))
    assert work.run(job._replace(folder=tmp_path), None)["status"] == "finished"
    assert run == [job._replace(folder=tmp_path)]


def test_records_logged_by_the_check_are_in_the_log_of_the_run(tmp_path, logs):
    """The objects are made once, before the folder. It trains one update, since only a run has a log."""
    line = [f"hydra.run.dir={tmp_path}/run", "+trainer.precision=16-mixed"]
    (job,) = cli.composed("train", small(*line, model="lstm"))
    handlers = logging.root.handlers[:]
    checked = jobs.check(job)
    assert logging.root.handlers == handlers
    assert not (tmp_path / "run").exists()
    outcome = jobs.run_job(job, checked=checked)
    assert outcome.learner is checked.parts.learner
    lines = (tmp_path / "run" / "train.log").read_text().splitlines()
    assert "on the CPU bf16-mixed takes its place" in lines[0]
    before = (tmp_path / "run" / ".hydra" / "overrides.yaml").read_text()
    (again,) = cli.composed("train", [f"hydra.run.dir={tmp_path}/run", "trainer.max_steps=2"])
    assert jobs.run_job(again).metrics["updates"] == 2
    assert (tmp_path / "run" / ".hydra" / "overrides.yaml").read_text() == before
