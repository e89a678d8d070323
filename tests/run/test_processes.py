"""Several processes for one run: same result as one process; a signal to one, or a failure of one, ends all."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.fabric.utilities.rank_zero import rank_zero_only
from torch import nn

from src.run import nonzero_rank, processes
from src.run.nonzero_rank import run_if_nonzero_rank
from src.settings import build
from src.settings.errors import ConfigError
from src.tasks.batches import shard
from src.train import assemble, resume
from tests.helpers import compose_train, small, train_small, written

ROOT = Path(__file__).resolve().parents[2]
LOGGED = ("logger=csv", "trainer.log_every_n_steps=1")
RAGGED = ("task.ragged=true", "task.batch_size=5")
DOUBLE = ("model.engine=reference", "+trainer.precision=64-true")
OF_THE_CLOCK = ("seconds", "speed/sequences_per_second", "final/seconds")


def spoilt(rank, update, how):
    """Overrides of a callback that makes an update fail in the process of a rank."""
    settings = {"_target_": "tests.spoiling.Spoil", "rank": rank, "update": update, "how": how}
    return [f"+callbacks.spoil.{key}={value}" for key, value in settings.items()]


def weights(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def rows(folder, name):
    """The numbers of a csv file, row by row."""
    with (folder / name).open() as file:
        read = list(csv.DictReader(file))
    return [{key: float(value) for key, value in row.items() if value and key not in OF_THE_CLOCK} for row in read]


def files(folder):
    """Names of the files in a run folder, without the numbers in those of TensorBoard."""
    return sorted(re.sub(r"(\.\d+)+(?=\.|$)", "", str(path.relative_to(folder))) for path in folder.rglob("*"))


def assert_alike(ours, theirs, tolerance):
    """Check that two runs have the same weights, history and, if logged, scalars up to rounding."""
    torch.testing.assert_close(weights(ours), weights(theirs), rtol=0.0, atol=tolerance)
    for name in ("history.csv", *(["metrics.csv"] if (theirs / "metrics.csv").exists() else [])):
        one, other = rows(ours, name), rows(theirs, name)
        assert len(one) == len(other) > 0
        for row, same in zip(one, other, strict=True):
            assert row == pytest.approx(same, rel=100 * tolerance, abs=100 * tolerance), name
    assert files(ours) == files(theirs)


@pytest.fixture
def begun(monkeypatch):
    """Records the processes that are started, with the number of threads of each and of this process."""
    start, seen = processes._start, []

    def recorded(rank, settings):
        seen.append((start(rank, settings), os.environ["OMP_NUM_THREADS"], torch.get_num_threads()))
        return seen[-1][0]

    monkeypatch.setattr(processes, "_start", recorded)
    return seen


def test_two_processes_give_the_result_of_one(tmp_path, begun):
    """Shares of 4 and 3 sequences, in float64, equal up to rounding."""
    settings = (*LOGGED, *DOUBLE, "trainer.max_steps=4", "validate_every=2", "task.batch_size=7")
    one = train_small(tmp_path / "one", *settings, model="ntm", task="mnist1d_seed").metrics
    two = train_small(tmp_path / "two", *settings, "trainer.devices=2", model="ntm", task="mnist1d_seed").metrics
    assert_alike(tmp_path / "two", tmp_path / "one", 1e-13)
    assert (two["status"], two["engine"], two["updates"], two["sequences"]) == ("finished", "reference", 4, 28)
    assert two["test"] == pytest.approx(one["test"])
    assert [process.returncode is not None for process, *_ in begun] == [True]
    assert not torch.distributed.is_initialized()


def test_a_signal_to_one_process_stops_all_and_the_run_can_be_resumed(tmp_path):
    settings = (*LOGGED, *RAGGED, "trainer.max_steps=5", "validate_every=5")
    two = [*settings, "trainer.devices=2", "+trainer.strategy=ddp", *spoilt(0, 3, "SIGTERM")]
    stopped = train_small(tmp_path / "two", *two).metrics
    assert (stopped["status"], stopped["updates"], stopped["sequences"]) == ("stopped", 3, 15)
    assert stopped["engine"] == "fused"
    assert resume(tmp_path / "two").metrics["status"] == "finished"
    train_small(tmp_path / "one", *settings)
    assert_alike(tmp_path / "two", tmp_path / "one", 1e-6)


def test_ddp_with_one_process(tmp_path):
    settings = ("trainer.max_steps=3", "seed=3")
    train_small(tmp_path / "one", *settings, model="lstm")
    train_small(tmp_path / "ddp", *settings, "+trainer.strategy=ddp", model="lstm")
    assert_alike(tmp_path / "ddp", tmp_path / "one", 1e-7)
    assert not torch.distributed.is_initialized()


def test_divergence_in_one_process_ends_all_as_diverged(tmp_path, begun):
    settings = ("trainer.max_steps=5", "trainer.devices=2", *spoilt(1, 3, "poison"))
    metrics = train_small(tmp_path / "run", *settings, model="lstm").metrics
    assert (metrics["status"], metrics["updates"]) == ("diverged", 2)
    assert "the loss became nan at update 3; last good checkpoint: " in metrics["error"]
    assert begun[0][0].returncode is not None


def test_a_failure_in_one_process_fails_the_run_and_threads_are_divided(tmp_path, begun, monkeypatch, capfd):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(4)
    try:
        settings = ("trainer.max_steps=5", "trainer.devices=2", *spoilt(1, 3, "raise"))
        metrics = train_small(tmp_path / "run", *settings, model="lstm").metrics
        assert (torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")) == (4, None)
    finally:
        torch.set_num_threads(1)
    assert metrics["error"] == "RuntimeError: process 1 ended with code 1; the terminal has its output"
    assert (metrics["status"], metrics["updates"]) == ("failed", 2)
    assert "ValueError: spoilt" in capfd.readouterr().err
    assert [(process.returncode, *threads) for process, *threads in begun] == [(1, "2", 2)]


@pytest.mark.cold
def test_a_process_that_cannot_start_fails_the_run(tmp_path, monkeypatch):
    """A cold process, since the interpreter is replaced, which the warm parent would be started with, too."""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    metrics = train_small(tmp_path / "run", "trainer.devices=2", model="lstm").metrics
    assert metrics["error"] == "RuntimeError: process 1 could not start; the terminal has its output"


def command(*arguments):
    return [sys.executable, "-m", "src.train", *arguments]


def test_a_sweep_of_runs_with_two_processes_has_the_same_files_and_output(tmp_path):
    line = small("trainer.max_steps=3", "trainer.devices=2", "logger=tensorboard", *RAGGED)
    sweep = command("-m", *line, "seed=7", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    done = subprocess.run(sweep, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    folder, one = tmp_path / "sweep" / "0_repeat_copy_dms_ntm_seed7", tmp_path / "one"
    train_small(one, "trainer.max_steps=3", "logger=tensorboard", "seed=7", *RAGGED)
    torch.testing.assert_close(weights(folder), weights(one), rtol=0.0, atol=1e-6)
    of_hydra = {".hydra", "train.log", *(f".hydra/{name}.yaml" for name in ("config", "hydra", "overrides"))}
    assert {*files(folder)} == {*files(one)} | of_hydra
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, "sweep.json", "multirun.yaml"}
    assert (done.stdout.count(f"finished: {folder}"), done.stdout.count("in_distribution")) == (1, 1)
    assert "Warning" not in done.stderr


def alive(pid):
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.cold
def test_no_process_outlives_rank_zero(tmp_path):
    """A cold process, since the test asks the system for the children of rank 0."""
    line = small(
        "trainer.max_steps=100000", "trainer.devices=2", f"hydra.run.dir={tmp_path / 'run'}", model="lstm"
    )
    with subprocess.Popen(command(*line), cwd=ROOT, stdout=subprocess.DEVNULL) as first:
        while not (tmp_path / "run" / "checkpoints" / "last.ckpt").exists():
            assert first.poll() is None
            time.sleep(0.1)
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
        first.send_signal(signal.SIGKILL)
    assert len(children) == 1
    until = time.monotonic() + 20.0
    while alive(children[0]):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_two_nodes_started_by_torchrun_are_one_run(tmp_path):
    narrowing = "model.sigma_schedule={factor: 4.0, share: 0.8}"  # each process narrows its own copy
    stopped = ("trainer.max_steps=5", "solve_threshold=1000", "stop_when_solved=true")
    settings = (*RAGGED, *DOUBLE, *stopped, narrowing)
    nodes = small(*settings, "+trainer.num_nodes=2", f"hydra.run.dir={tmp_path / 'two'}", model="dms_ntm")
    around = {"TORCHELASTIC_RUN_ID": "a", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(find_free_network_port())}
    around |= {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            command(*nodes),
            cwd=ROOT,
            env=os.environ | around | {"RANK": rank, "GROUP_RANK": rank},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    printed = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert "finished" in printed[0]
    assert not printed[1]
    train_small(tmp_path / "one", *settings, model="dms_ntm")
    torch.testing.assert_close(weights(tmp_path / "two"), weights(tmp_path / "one"), rtol=0.0, atol=1e-13)
    assert (written(tmp_path / "two")["solved"], written(tmp_path / "two")["updates"]) == (True, 3)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["+trainer.strategy=fsdp"], "trainer.strategy='fsdp': must be one of auto, ddp, ddp_find_"),
        (["+trainer.strategy=ddp_spawn"], "trainer.strategy='ddp_spawn': must be one of auto, ddp, ddp_find_"),
        (["trainer.devices=5"], "task.batch_size=4: must be at least 5, a sequence for each process"),
        (
            ["+trainer.num_nodes=2"],
            "trainer.num_nodes=2: must be 1, or the command be started by torchrun or srun",
        ),
    ],
)
def test_refusals(tmp_path, overrides, text):
    with pytest.raises(ConfigError) as refusal:
        train_small(tmp_path / "run", *overrides)
    assert str(refusal.value).startswith(text)
    assert not (tmp_path / "run").exists()


def test_batch_norm_is_refused_unless_it_is_synchronised(tmp_path, monkeypatch):
    network = build.build_network

    def normed(cfg, task):
        made = network(cfg, task)
        made.norm = nn.BatchNorm1d(3)
        return made

    monkeypatch.setattr(build, "build_network", normed)
    with pytest.raises(
        ConfigError, match=r"^trainer.devices=2: each process would normalise its own share of a batch;"
    ):
        assemble(compose_train(*small("trainer.devices=2")), tmp_path)
    for harmless in (["trainer.devices=1"], ["trainer.devices=2", "+trainer.sync_batchnorm=true"]):
        assemble(compose_train(*small(*harmless)), tmp_path)


@pytest.mark.parametrize("rank", ["0", "1"])
def test_torchrun_with_a_wrong_number_of_processes_or_a_sweep_is_refused(tmp_path, monkeypatch, capsys, rank):
    monkeypatch.setattr(rank_zero_only, "rank", 0)  # Lightning sets it for the whole process
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "RANK": rank, "WORLD_SIZE": "2", "LOCAL_RANK": rank}.items():
        monkeypatch.setenv(name, value)
    counts = "trainer.devices=3, trainer.num_nodes=1: must be those of the 2 processes that torchrun or srun has"
    with pytest.raises(ConfigError, match=counts):
        assemble(compose_train(*small("trainer.devices=3")), tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", "-m", "trainer.devices=2", "seed=0,1"])
    with pytest.raises(SystemExit):
        run_if_nonzero_rank(assemble)
    text = "-m: must be left out, and one run be given, where torchrun or srun starts it"
    assert capsys.readouterr().err == f"error: {text}\n"


def test_nothing_is_resumed_by_a_null_where_torchrun_starts_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rank_zero_only, "rank", 0)
    for name, value in {"TORCHELASTIC_RUN_ID": "a", "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["train", *small("trainer.devices=2", "resume=null", model="lstm")])
    made, trained = [], []
    monkeypatch.setattr(nonzero_rank, "_silent", lambda plain: plain)  # it is for a whole process
    monkeypatch.setattr(nonzero_rank, "_fit_and_test", lambda *given: trained.append(given))
    assert run_if_nonzero_rank(lambda *given: made.append(given))
    ((_, folder, done),) = made
    assert folder.name.startswith("repeat_copy_lstm_seed")
    assert (done, trained) == (0, [(None, None)])


def test_other_processes_know_the_updates_that_are_done(tmp_path):
    assert nonzero_rank._updates(None) == 0
    torch.save({"global_step": 7}, tmp_path / "last.ckpt")
    assert nonzero_rank._updates(str(tmp_path / "last.ckpt")) == 7


def test_missing_variables_of_torchrun_are_refused(monkeypatch, capsys):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    monkeypatch.setenv("RANK", "1")
    for name in ("LOCAL_RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        run_if_nonzero_rank(assemble)
    text = (
        "TORCHELASTIC_RUN_ID is set, as by torchrun, and LOCAL_RANK, WORLD_SIZE not; must be unset for a run that "
    )
    assert capsys.readouterr().err == f"error: {text}torchrun does not start\n"


def test_missing_variables_of_srun_are_refused(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    for name in processes.SRUN:
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("SLURM_PROCID")
    with pytest.raises(
        ConfigError, match=r"^SLURM_STEP_NUM_TASKS is set, as by srun, and SLURM_PROCID not; must be"
    ):
        processes.launched_place()


@pytest.mark.parametrize("tasks", ["many", "", "1"])
def test_srun_with_one_task_is_a_single_process(tasks, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", tasks)
    assert processes.launched_place() is None


@pytest.mark.parametrize(("model", "task"), [("lstm", "repeat_copy"), ("lstm", "copy"), ("lstm", "mnist1d")])
@pytest.mark.parametrize("parts", [2, 3])
def test_losses_of_shares_add_up_to_that_of_the_batch(tmp_path, model, task, parts):
    ragged = ["task.ragged=true"] if task == "repeat_copy" else []
    made = assemble(compose_train(*small("task.batch_size=7", *ragged, model=model, task=task)), tmp_path)
    made.task.setup()
    batch = made.task.training_batch(3)
    loss, metrics = made.learner.loss_and_metrics(batch)
    shares = [shard(batch, part, parts) for part in range(parts)]
    assert torch.equal(torch.cat([one.x for one in shares]), batch.x)
    losses, seen = zip(*(made.learner.loss_and_metrics(one, True, batch) for one in shares), strict=True)
    torch.testing.assert_close(sum(losses), loss)
    for name, value in metrics.items():
        torch.testing.assert_close(sum(one[name] for one in seen), value)


@pytest.mark.parametrize(("code", "over", "ended"), [(3, False, [1]), (3, True, []), (0, False, [])])
def test_rank_zero_does_not_wait_for_a_process_that_has_failed(monkeypatch, capsys, code, over, ended):
    exits, event = [], threading.Event()
    monkeypatch.setattr(processes, "GRACE", 0.01)
    monkeypatch.setattr(os, "_exit", exits.append)
    if over:
        event.set()
    with subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]) as other:
        processes._watch(2, other, event)
    assert exits == ended
    assert ("error: process 2 ended with code 3; so does this one" in capsys.readouterr().err) == bool(ended)
