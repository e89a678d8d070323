"""Resume of a run: same result as a run that was never stopped, or a refusal with a reason."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from src.callbacks.checkpoint import WholeFiles
from src.common import files
from src.common.files import write_json
from src.lit.learner import Learner
from src.run import finalize, lock, provenance
from src.run.folder import STAMP, RunFolder
from src.run.load import load_run
from src.run.resume import CHANGES, fault_of, newest, settings
from src.settings.build import build_learner
from src.settings.errors import ConfigError
from src.train import resume
from tests.helpers import small, train_small, written

ROOT = Path(__file__).resolve().parents[2]
LENGTH = ("trainer.max_steps=11", "validate_every=3")


def checkpoint(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def same(ours, theirs):
    """Whether two nested values are equal, tensors bit by bit."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs or (ours != ours and theirs != theirs)


def history(folder):
    with (folder / "history.csv").open() as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def results(folder):
    """The metrics of a run, without those that depend on the clock."""
    metrics = written(folder)
    clock = ("seconds", "seconds_to_solve", "git_revision")
    return {key: value for key, value in metrics.items() if key not in clock}


def equal_runs(ours, theirs, periods=True):
    """Whether two run folders hold the same run: weights, optimiser, counts (of periods too), history, results."""
    for name in ("last", "best"):
        one, other = checkpoint(ours, name), checkpoint(theirs, name)
        counts = ("loops", "epoch") if periods else ()
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", *counts):
            assert same(one[part], other[part]), (name, part)
    assert history(ours) == history(theirs)
    assert results(ours) == results(theirs)
    return True


@pytest.fixture
def stop_at(monkeypatch):
    """Interrupt training in an update: stop_at(5) raises in update 5, stop_at(5, what) calls `what` there."""

    def stop(update, what=None):
        loss_and_metrics, calls = Learner.loss_and_metrics, []

        def changed(self, batch, wanted=True):
            calls.append(batch)
            if len(calls) == update:
                if what is None:
                    raise RuntimeError("broken off")
                what()
            return loss_and_metrics(self, batch, wanted)

        monkeypatch.setattr(Learner, "loss_and_metrics", changed)

    return stop


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train_small(folder, *LENGTH, model="lstm")
    return folder


@pytest.fixture
def stopped(tmp_path, stop_at, monkeypatch):
    """A run that failed in update 8, after the checkpoint of update 6."""
    stop_at(8)
    train_small(tmp_path / "run", *LENGTH, model="lstm")
    monkeypatch.undo()
    return tmp_path / "run"


@pytest.mark.parametrize(("engine", "times", "steps"), [("fused", 20, 90), ("reference", 5, 24)])
def test_killed_many_times_at_random_moments(tmp_path, engine, times, steps):
    """Some kills come while a checkpoint is being written, some when the process has just begun."""
    length = (f"trainer.max_steps={steps}", "validate_every=2", "stop_when_solved=false")
    overrides = small(*length, f"model.engine={engine}")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def killing(name, kills):
        command = [sys.executable, "tests/commands/killing.py", str(tmp_path / name), str(kills), "3", *overrides]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False, env=environment
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    assert killing("whole", 0) == {"update": 0, "save": 0, "start": 0, "code": 0}
    kills = killing("killed", times)
    assert kills["code"] == 0
    assert kills["update"] + kills["save"] + kills["start"] == times
    assert kills["save"] >= times // 5
    assert equal_runs(tmp_path / "killed", tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob("*.part"))


@pytest.mark.parametrize("update", [1, 4, 8, 11])
def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path, stop_at, monkeypatch, whole, update):
    stop_at(update)
    assert train_small(tmp_path / "run", *LENGTH, model="lstm").metrics["status"] == "failed"
    monkeypatch.undo()
    outcome = resume(tmp_path / "run")
    assert equal_runs(tmp_path / "run", whole)
    assert outcome.metrics == written(tmp_path / "run")


@pytest.mark.parametrize("update", [2, 5, 6, 11])
def test_a_run_stopped_by_the_user_resumes_from_the_same_update(tmp_path, stop_at, monkeypatch, whole, update):
    """Before the first validation, within a period, at the end of a period, in the last update."""
    stop_at(update, lambda: signal.raise_signal(signal.SIGINT))
    folder = tmp_path / "run"
    metrics = train_small(folder, *LENGTH, model="lstm").metrics
    assert (metrics["status"], metrics["updates"]) == ("stopped", update)
    assert checkpoint(folder)["global_step"] == update
    assert metrics["validation"].keys() == written(whole)["validation"].keys()
    assert checkpoint(folder, "best")["global_step"] == metrics["validation"]["update"]
    before = [row for row in history(whole) if int(row["update"]) <= update]
    assert before == (history(folder) if before else [])
    monkeypatch.undo()
    resume(folder)
    # A period that was interrupted counts twice.
    assert equal_runs(folder, whole, periods=update in (6, 11))


def test_a_run_resumes_from_the_last_checkpoint_when_the_best_is_older(tmp_path, stop_at, monkeypatch):
    settings = (*LENGTH, "optimizer.lr=3.0", "schedule=constant")  # it gets worse
    stop_at(11)
    train_small(tmp_path / "run", *settings, model="lstm")
    rows = history(tmp_path / "run")
    best = min(rows, key=lambda row: float(row["bits"]))["update"]
    assert [row["update"] for row in rows] == ["3", "6", "9"]
    assert best != "9"
    assert checkpoint(tmp_path / "run")["global_step"] == 9
    assert checkpoint(tmp_path / "run", "best")["global_step"] == int(best)
    monkeypatch.undo()
    resume(tmp_path / "run")
    train_small(tmp_path / "whole", *settings, model="lstm")
    assert equal_runs(tmp_path / "run", tmp_path / "whole")


def test_a_larger_max_steps_extends_a_finished_run(tmp_path):
    constant = ("validate_every=3", "schedule=constant")  # a schedule stays where it has ended
    train_small(tmp_path / "whole", "trainer.max_steps=11", *constant, model="lstm")
    train_small(tmp_path / "run", "trainer.max_steps=7", *constant, model="lstm")
    resume(tmp_path / "run", {"trainer.max_steps": 11})
    assert same(checkpoint(tmp_path / "run")["state_dict"], checkpoint(tmp_path / "whole")["state_dict"])
    assert [row["update"] for row in history(tmp_path / "run")] == ["3", "6", "7", "9", "11"]
    assert RunFolder(tmp_path / "run").read_config()["trainer"]["max_steps"] == 11
    assert (written(tmp_path / "run")["updates"], written(tmp_path / "run")["sequences"]) == (11, 44)


def test_a_run_killed_after_it_solved_the_task_is_only_tested(tmp_path, monkeypatch):
    settings = ("trainer.max_steps=20", "solve_threshold=1000")
    train_small(tmp_path / "whole", *settings, model="lstm")
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    (tmp_path / "run" / "metrics.json").unlink()
    monkeypatch.setattr(Learner, "loss_and_metrics", lambda *_: pytest.fail("trained again"))
    assert resume(tmp_path / "run").metrics["updates"] == 3
    assert equal_runs(tmp_path / "run", tmp_path / "whole")


def test_a_run_without_a_checkpoint_starts_from_the_beginning(tmp_path, stopped, whole):
    shutil.rmtree(stopped / "checkpoints")
    resume(stopped)
    assert equal_runs(stopped, whole)


def test_a_run_folder_may_move(tmp_path, stopped, whole):
    """The best checkpoint is known by file name, not by path."""
    stopped.rename(tmp_path / "elsewhere")
    resume(tmp_path / "elsewhere")
    assert equal_runs(tmp_path / "elsewhere", whole)
    assert not stopped.exists()


@pytest.mark.parametrize("model", ["ntm", "dms_ntm"])
def test_resume_with_accumulated_gradients(tmp_path, stop_at, monkeypatch, model):
    settings = (*LENGTH, "+trainer.accumulate_grad_batches=2")
    train_small(tmp_path / "whole", *settings, model=model)
    stop_at(17)
    train_small(tmp_path / "run", *settings, model=model)
    monkeypatch.undo()
    resume(tmp_path / "run")
    assert [row["update"] for row in history(tmp_path / "run")] == ["3", "6", "9", "11"]
    assert equal_runs(tmp_path / "run", tmp_path / "whole")


def test_a_schedule_of_the_widths_resumes_where_it_was(tmp_path, stop_at, monkeypatch):
    """It must train: the schedule follows the updates that a run has made. The stop is in the middle of it."""
    settings = (*LENGTH, "model.sigma_schedule={factor:4,share:1.0}", "model.input_skip=true")
    train_small(tmp_path / "whole", *settings, model="dms_ntm")
    stop_at(8)
    train_small(tmp_path / "run", *settings, model="dms_ntm")
    monkeypatch.undo()
    resume(tmp_path / "run")
    assert equal_runs(tmp_path / "run", tmp_path / "whole")
    weights = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    steps = 11
    assert weights["network.cell.sigma_factor"].tolist() == [[pytest.approx(4.0 ** (1 - (steps - 1) / steps))]] * 2
    with pytest.raises(
        ConfigError, match=r"trainer\.max_steps=20: widths would grow again, as model\.sigma_schedule "
    ):
        resume(tmp_path / "run", {"trainer.max_steps": 20})


@pytest.mark.parametrize("batch", [7, 8])
def test_a_stop_never_interrupts_an_update_of_several_batches(tmp_path, stop_at, monkeypatch, batch):
    settings = (*LENGTH, "+trainer.accumulate_grad_batches=2")
    train_small(tmp_path / "whole", *settings, model="lstm")
    stop_at(batch, lambda: signal.raise_signal(signal.SIGTERM))
    train_small(tmp_path / "run", *settings, model="lstm")
    monkeypatch.undo()
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["updates"] == 4
    resume(tmp_path / "run")
    assert equal_runs(tmp_path / "run", tmp_path / "whole", periods=False)


class Dropped(nn.Module):
    """A network that draws from the global generator."""

    state_size, engine, memory_slots = 0, None, None

    def __init__(self, steps, input_size: int, output_size: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(input_size, 16), nn.Dropout(0.5), nn.Linear(16, output_size))

    def forward(self, x, state=()):
        return self.layer(x), ()

    def trace(self, x):
        return self.layer(x), (), {}


def test_random_numbers_of_a_model_continue_after_resume(tmp_path, stop_at, monkeypatch):
    settings = (*LENGTH, "model._target_=tests.run.test_resume.Dropped", "~model.hidden_size", "~model.num_layers")
    train_small(tmp_path / "whole", *settings, model="lstm")
    stop_at(8)
    train_small(tmp_path / "run", *settings, model="lstm")
    monkeypatch.undo()
    torch.manual_seed(123)
    resume(tmp_path / "run")
    assert equal_runs(tmp_path / "run", tmp_path / "whole")


def scalars(folder):
    """The curves in TensorBoard's files, without those that depend on the clock: points (step, value) by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    tags = [tag for tag in events.Tags()["scalars"] if not tag.startswith(("speed/", "final/seconds"))]
    return {tag: [(point.step, point.value) for point in events.Scalars(tag)] for tag in tags}


def test_an_update_of_several_batches_is_logged_once(tmp_path):
    """It must train: Lightning tells which batch ends an update."""
    settings = ("trainer.max_steps=5", "validate_every=2", "logger=tensorboard", "trainer.log_every_n_steps=2")
    train_small(tmp_path, *settings, "+trainer.accumulate_grad_batches=3", model="lstm")
    for tag in ("train/loss", "optimizer/gradient_norm"):
        assert [step for step, _ in scalars(tmp_path)[tag]] == [1, 2, 4]


@pytest.fixture
def files_numbered_anew():
    """TensorBoard's event files counted from 0, as in a process of its own.

    It reads files of the same second by the number of the file within the process, as text: 10 before 9.
    """
    from tensorboard.summary.writer import event_file_writer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
        yield


@pytest.mark.usefixtures("files_numbered_anew")
def test_tensorboard_shows_one_curve(tmp_path, stop_at, monkeypatch):
    settings = (*LENGTH, "logger=tensorboard", "trainer.log_every_n_steps=1")
    train_small(tmp_path / "whole", *settings, model="lstm")
    stop_at(8)
    train_small(tmp_path / "run", *settings, model="lstm")
    monkeypatch.undo()
    time.sleep(1.1)  # TensorBoard reads event files in the order of their names, which begin with the second
    resume(tmp_path / "run")
    assert scalars(tmp_path / "run") == scalars(tmp_path / "whole")


def test_the_csv_logger_keeps_earlier_rows(tmp_path, stop_at, monkeypatch):
    def rows(folder):
        with (folder / "metrics.csv").open() as file:
            read = [{key: value for key, value in row.items() if value} for row in csv.DictReader(file)]
        kept = [
            {key: float(value) for key, value in row.items() if "speed" not in key and key != "final/seconds"}
            for row in read
        ]
        return sorted((row for row in kept if len(row) > 1), key=lambda row: (row["step"], sorted(row)))

    settings = (*LENGTH, "logger=csv", "trainer.log_every_n_steps=1")
    train_small(tmp_path / "whole", *settings, model="lstm")
    stop_at(8)
    train_small(tmp_path / "run", *settings, model="lstm")
    monkeypatch.undo()
    with (tmp_path / "run" / "metrics.csv").open("a") as file:
        file.write("nonsense,x,y\n5,1.5e-")  # truncated
    resume(tmp_path / "run")
    ours, theirs = rows(tmp_path / "run"), rows(tmp_path / "whole")
    assert {row["step"] for row in ours} == {row["step"] for row in theirs}
    assert len(ours) >= len(theirs)
    assert all(row in ours for row in theirs)


def test_the_best_checkpoint_replaces_a_damaged_last_one(stopped, whole, caplog):
    last = stopped / "checkpoints" / "last.ckpt"
    content = last.read_bytes()
    for damage in (content[: len(content) // 2], b"", content[:3000] + bytes(200) + content[3200:]):
        last.write_bytes(damage)
        assert fault_of(last) == "is damaged"
        assert newest(stopped) == stopped / "checkpoints" / "best.ckpt"
    assert "checkpoints/last.ckpt is damaged; resuming from best.ckpt" in caplog.text
    resume(stopped)
    assert equal_runs(stopped, whole)


def refused(folder, changes=None):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError) as refusal:
        resume(folder, changes)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != lock.LOCK}
    assert {path: content for path, content in before.items() if path.name != lock.LOCK} == after
    assert "\n" not in str(refusal.value)
    return str(refusal.value).replace(str(folder), "RUN")


def test_refusals_of_resume(tmp_path, stopped, whole):
    done = shutil.copytree(whole, tmp_path / "done")
    text = "resume='RUN': is finished; to resume it, trainer.max_steps must be above 11"
    assert refused(done) == refused(done, {"trainer.max_steps": 11}) == text
    text = "must be at least the run's own 11"
    assert refused(done, {"trainer.max_steps": 5}) == f"trainer.max_steps=5: {text}"
    assert refused(done, {"trainer.max_steps": "x"}) == "trainer.max_steps='x': must be an integer of at least 1"
    text = "trainer.enable_progress_bar=3: must be true or false"
    assert refused(stopped, {"trainer.enable_progress_bar": 3}) == text

    write_json(done / "metrics.json", written(done) | {"solved": True})
    text = "resume='RUN': is finished, it solved its task; there is nothing to resume"
    assert refused(done, {"trainer.max_steps": 50}) == text
    write_json(done / "metrics.json", written(done) | {"status": "diverged", "error": "diverged: the loss"})
    assert refused(done) == (
        "resume='RUN': diverged: the loss; it would do so again, so start it anew with other settings"
    )
    (stopped / "metrics.json").unlink()
    for name in ("last", "best"):
        (stopped / "checkpoints" / f"{name}.ckpt").write_bytes(b"PK")
    assert refused(stopped) == (
        "resume='RUN': checkpoints/last.ckpt is damaged; checkpoints/best.ckpt is damaged; "
        "there must be one whole checkpoint, or none"
    )
    for name in ("last", "best"):
        torch.save({"state_dict": {}}, stopped / "checkpoints" / f"{name}.ckpt")
    assert "checkpoints/last.ckpt holds weights alone, as published runs do" in refused(stopped)
    cfg = RunFolder(stopped).read_config()
    without_trainer = {key: cfg[key] for key in cfg if key not in (*STAMP, "trainer")}
    RunFolder(stopped).write_config(without_trainer, None)
    assert refused(stopped) == "resume='RUN': config.yaml: trainer: cannot be left out"
    del cfg["callbacks"]["randomness"]
    RunFolder(stopped).write_config({key: cfg[key] for key in cfg if key not in STAMP}, None)
    assert "was begun by an earlier version, which kept too little to resume it" in refused(stopped)
    (stopped / "config.yaml").unlink()
    assert refused(stopped).startswith(
        "resume='RUN': holds no config.yaml; must be the folder of a run or of a sweep"
    )
    with pytest.raises(ConfigError, match="no such folder"):
        resume(tmp_path / "nowhere")


def test_two_processes_never_write_one_folder(stopped):
    with lock.held(stopped):
        assert lock.is_held(stopped)
        assert refused(stopped).endswith("another process is writing to it; must be a folder of its own")
        with pytest.raises(ConfigError, match="another process is writing to it"):
            train_small(stopped.parent / "held" if (stopped / "x").exists() else hold_new(stopped), model="lstm")
    assert not lock.is_held(stopped)


def hold_new(stopped):
    """A locked folder in which no run has begun."""
    (stopped / "config.yaml").rename(stopped / "kept.yaml")
    return stopped


def test_a_change_of_revision_is_logged_once(stopped, caplog, monkeypatch):
    monkeypatch.setattr(provenance, "git_revision", lambda: "another")
    begun = RunFolder(stopped).read_config()["git_revision"]
    resume(stopped)
    resume(stopped, {"trainer.max_steps": 12})
    assert caplog.text.count("begun with revision") == 1
    assert f"begun with revision {begun} of the code and is resumed with another" in caplog.text
    assert written(stopped)["git_revision"] == f"{begun}, resumed with another"
    config = RunFolder(stopped).read_config()
    assert (config["git_revision"], config["revisions"]) == (f"{begun}, resumed with another", [begun, "another"])


def test_a_change_of_revision_of_a_run_of_an_earlier_version(stopped, caplog, monkeypatch):
    """It wrote all revisions in one text, which is not parsed, so the newest is written once more."""
    run_folder = RunFolder(stopped)
    config = {key: value for key, value in run_folder.read_config().items() if key not in STAMP}
    run_folder.write_config(config, "a, gone on with b")
    monkeypatch.setattr(provenance, "git_revision", lambda: "b")
    resume(stopped)
    assert run_folder.revisions() == ["a, gone on with b", "b"]
    resume(stopped, {"trainer.max_steps": 12})
    assert caplog.text.count("begun with revision") == 1


def test_a_full_disk_ends_the_run_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch, caplog, whole):
    """The second save of last.ckpt writes part of the file, as on a full disk."""
    calls = []

    def full(path, content):
        calls.append(path)
        with files.whole(path) as partial:
            partial.write_bytes(content if len(calls) <= 2 else content[:1000])
            if len(calls) > 2:
                raise OSError(28, "No space left on device")

    monkeypatch.setattr("src.callbacks.checkpoint.write_whole", full)
    folder = tmp_path / "run"
    metrics = train_small(folder, *LENGTH, model="lstm").metrics
    assert metrics["status"] == "failed"
    assert metrics["error"].startswith("[Errno 28] No space left on device")
    assert (metrics["cause"], metrics["recoverable"]) == ("machine", True)
    assert metrics["error"].endswith(f"; fix that, then resume={folder} resumes from the last good checkpoint")
    assert "Traceback" not in caplog.text
    assert fault_of(folder / "checkpoints" / "last.ckpt") is None
    assert checkpoint(folder)["global_step"] == 3
    assert not list(folder.rglob("*.part"))
    monkeypatch.undo()
    resume(folder)
    assert equal_runs(folder, whole)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 kB; skips where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=600k", "tmpfs", str(disk)]
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", *options], capture_output=True, check=False).returncode
    ):
        pytest.skip("may not mount")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.drawn
@pytest.mark.parametrize("logger", ["none", "tensorboard"])
def test_a_real_full_disk(small_disk, logger):
    """The write that fails first is that of a checkpoint, or of TensorBoard."""
    folder = small_disk / "run"
    overrides = small("trainer.max_steps=4000", "validate_every=20", f"logger={logger}", model="lstm")
    size = "model.hidden_size=90" if logger == "none" else "callbacks.pictures.every=1"
    command = [sys.executable, "-m", "src.train", *overrides, size, f"hydra.run.dir={folder}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    # Without TensorBoard the first checkpoint is too large.
    where = "the beginning" if logger == "none" else "the last good checkpoint"
    assert f"No space left on device; fix that, then resume={folder} resumes from {where}" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    if logger == "tensorboard":
        assert newest(folder) == folder / "checkpoints" / "last.ckpt"


def test_checkpoints_are_written_without_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nowhere")
    WholeFiles().save_checkpoint({"a": 1}, tmp_path / "deep" / "x.ckpt")
    assert torch.load(tmp_path / "deep" / "x.ckpt") == {"a": 1}


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(stopped):
    last = stopped / "checkpoints" / "last.ckpt"
    last.unlink()
    last.mkdir()
    assert fault_of(last) == "cannot be read (Is a directory)"


def test_a_run_whose_learning_rate_ended_at_zero_cannot_be_extended(tmp_path):
    train_small(tmp_path / "run", "trainer.max_steps=2", "schedule=cosine", model="lstm")
    assert refused(tmp_path / "run", {"trainer.max_steps": 5}) == (
        "trainer.max_steps=5: the learning rate is 0 after 2 updates (schedule.final=0.0); "
        "must be 2, the run's own"
    )


def test_a_damaged_metrics_file_does_not_prevent_resume(stopped, whole):
    (stopped / "metrics.json").write_text('{"status": "fin')
    resume(stopped)
    assert equal_runs(stopped, whole)


def test_settings_hold_the_changes(stopped):
    changed = settings(stopped, {"logger": {"name": "none"}, "trainer.max_steps": 12})
    assert (changed["logger"], changed["trainer"]["max_steps"]) == ({"name": "none"}, 12)
    assert set(CHANGES) == {"logger", "trainer.enable_progress_bar", "trainer.max_steps"}


def test_a_run_stopped_before_the_first_validation_is_measured_in_evaluation_mode(tmp_path, stop_at, monkeypatch):
    """In training, PANM draws random addresses."""
    stop_at(2, lambda: signal.raise_signal(signal.SIGINT))
    metrics = train_small(tmp_path / "run", *LENGTH, model="panm").metrics
    monkeypatch.undo()
    run = load_run(tmp_path / "run")
    learner = build_learner(run.config, run.task, run.model)
    run.task.setup()
    assert metrics["validation"] == {"update": 2, **learner.measure(run.task.validation)}


def test_a_full_disk_as_a_stopped_run_is_measured(tmp_path, stop_at, monkeypatch, caplog):
    def full(path, content):
        raise OSError(28, "No space left on device")

    stop_at(2, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(finalize, "write_whole", full)
    metrics = train_small(tmp_path / "run", *LENGTH, model="lstm").metrics
    assert (metrics["status"], metrics["cause"], metrics["recoverable"]) == ("failed", "machine", True)
    assert "failed in the validation: [Errno 28] No space left on device" in caplog.text
    assert newest(tmp_path / "run").name == "last.ckpt"


def test_a_stopped_run_that_cannot_be_measured_can_be_resumed(tmp_path, stop_at, monkeypatch, caplog):
    def broken(parts):
        raise RuntimeError("out of memory")

    stop_at(2, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(finalize, "validate", broken)
    metrics = train_small(tmp_path / "run", *LENGTH, model="lstm").metrics
    assert (metrics["status"], metrics["validation"]) == ("stopped", {})
    assert "The stopped run could not be validated: RuntimeError: out of memory" in caplog.text


def test_a_stopped_run_is_measured_with_the_weights_that_were_saved(tmp_path, stop_at, monkeypatch):
    """After a second Ctrl-C the learner has newer ones; here they are changed."""
    validate, plain = finalize.validate, []

    def changed(parts):
        plain.append(parts.learner.measure(parts.task.validation))
        for weight in parts.learner.network.parameters():
            weight.data += 1.0
        return validate(parts)

    stop_at(2, lambda: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(finalize, "validate", changed)
    metrics = train_small(tmp_path / "run", *LENGTH, model="lstm").metrics
    assert metrics["validation"] == {"update": 2, **plain[0]}
