"""Ray worker: run and stop of one job, and archives of run folders."""

import os
import signal
import tarfile
import threading
from collections import deque
from pathlib import Path

import pytest

from src.launch import ray_worker
from src.run import lock
from src.settings import cli
from tests.helpers import small, written
from tests.launch.test_sweep import wait


def test_round_trip_of_a_run_folder_as_archive(tmp_path):
    there, home = tmp_path / "there", tmp_path / "home"
    (there / "checkpoints").mkdir(parents=True)
    (there / "checkpoints" / "last.ckpt").write_bytes(bytes(range(256)))
    (there / lock.LOCK).touch()
    (home / "old").mkdir(parents=True)
    ray_worker.unpack(ray_worker.pack(there), home)
    assert [path.relative_to(home).as_posix() for path in sorted(home.rglob("*"))] == [
        "checkpoints", "checkpoints/last.ckpt",
    ]  # fmt: skip
    assert (home / "checkpoints" / "last.ckpt").read_bytes() == bytes(range(256))
    ray_worker.unpack(ray_worker.pack(tmp_path / "nothing"), home)
    assert (home / "checkpoints").is_dir()


def test_a_locked_folder_stays_locked_after_unpacking(tmp_path):
    there, home = tmp_path / "there", tmp_path / "home"
    there.mkdir()
    (there / "config.yaml").touch()
    with lock.held(home):
        ray_worker.unpack(ray_worker.pack(there), home)
        assert (home / "config.yaml").exists()
        assert lock.is_held(home)
    assert not lock.is_held(home)


def test_an_archive_cannot_write_outside_the_folder(tmp_path):
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    with pytest.raises(tarfile.OutsideDestinationError):
        ray_worker.unpack(path.read_bytes(), tmp_path / "home")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["bad.tar.gz"]


def test_a_worker_stops_its_job_with_a_checkpoint(tmp_path):
    steps = ["trainer.max_steps=100000", "validate_every=20", "stop_when_solved=false"]
    worker, found = ray_worker.Worker(), deque()
    (job,) = cli.composed("train", small(*steps, model="mlp", task="mnist1d"))

    def run():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # as in processes of Ray
        found.append(worker.run(job, None))

    thread = threading.Thread(target=run)
    thread.start()
    wait(lambda: worker.process is not None)
    scratch = Path(worker.process.args[-1]).parent / "run"
    wait(lambda: (scratch / "checkpoints" / "last.ckpt").exists())
    assert os.getsid(worker.process.pid) == worker.process.pid
    worker.stop()
    thread.join(timeout=120)
    assert found[0].code == 130, found[0].printed
    assert not scratch.exists()
    ray_worker.unpack(found[0].folder, tmp_path / "run")
    before = written(tmp_path / "run")
    assert (before["status"], before["updates"] >= 20) == ("stopped", True)
