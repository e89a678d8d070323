"""Several processes for one run: which one this is, and the others, started, watched and ended.

The first process of a run is the run: it has the folder, the logger, the checkpoints and the command line. The
others do what `src.run.nonzero_rank` says. On one machine the first starts them; on several, torchrun or srun
starts all with the same command line.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch.nn.modules.batchnorm import _BatchNorm

from src.common.paths import ROOT
from src.lit.learner import Learner
from src.settings.errors import ConfigError

#: First argument of a process that another has started; the second says what it needs to know, as JSON.
NONZERO_RANK = "--nonzero-rank"
#: Seconds that a process has to end by itself after another has failed or ended.
GRACE = 30.0
#: What torchrun tells each process that it starts.
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
#: What srun tells each process that it starts.
SRUN = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NODEID")
Process = subprocess.Popen[bytes]


class Place(LightningEnvironment):
    """Which of the processes of this machine this one is, and where they meet.

    Args:
        rank: its number; the first is 0.
        port: where they meet.
    """

    def __init__(self, rank: int, port: int) -> None:
        super().__init__()
        self.rank, self.port = rank, port

    #: Lightning's own way repeats the command line, which may be that of a sweep, a notebook or a test.
    creates_processes_externally = True
    main_address = "127.0.0.1"

    @property
    def main_port(self) -> int:
        return self.port

    def local_rank(self) -> int:
        return self.rank

    def node_rank(self) -> int:
        return 0


def environment(plain: dict[str, Any]) -> Place | None:
    """The place of the first process; None where torchrun or srun started all.

    It is the first whatever RANK and its like say, which a shell or a job may have left behind.
    """
    if outside() is not None:
        return None
    rank_zero_only.rank = 0  # type: ignore[attr-defined]
    alone = plain["trainer"].get("devices") == 1 and plain["trainer"].get("strategy", "auto") == "auto"
    return Place(0, 0 if alone else find_free_network_port())


def outside() -> ClusterEnvironment | None:
    """The place of this process among several that torchrun or srun has started; None if neither has.

    Raises:
        ConfigError: variables of torchrun without the others that it sets.
    """
    if TorchElasticEnvironment.detect():
        _check_set("TORCHELASTIC_RUN_ID", "torchrun", TORCHRUN)
        return TorchElasticEnvironment()
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if not tasks.isdecimal() or int(tasks) < 2:
        return None
    _check_set("SLURM_STEP_NUM_TASKS", "srun", SRUN)
    return SLURMEnvironment()


def _check_set(variable: str, program: str, others: tuple[str, ...]) -> None:
    """Refuse a variable of a program that starts processes, where the others that it sets are not there."""
    unset = [name for name in others if not os.environ.get(name, "").isdecimal()]
    if unset:
        raise ConfigError(
            f"{variable} is set, as by {program}, and {', '.join(unset)} not; must be unset for a run that "
            f"{program} does not start"
        )


def check(plain: dict[str, Any], trainer: lightning.Trainer, learner: Learner) -> None:
    """Refuse what several processes cannot do, or cannot do as one.

    Raises:
        ConfigError: fewer sequences than processes, norms over a share of the batch, or other processes than
            were asked for.
    """
    count, size = trainer.num_devices * trainer.num_nodes, learner.task.batch_size
    around = outside()
    if around is not None and around.world_size() != count:
        raise ConfigError(
            f"trainer.devices={trainer.num_devices}, trainer.num_nodes={trainer.num_nodes}: must be those of the "
            f"{around.world_size()} processes that torchrun or srun has started"
        )
    if around is None and trainer.num_nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={trainer.num_nodes}: must be 1, or the command be started by torchrun or srun"
        )
    if size < count:
        raise ConfigError(f"task.batch_size={size}: must be at least {count}, a sequence for each process")
    norms = any(isinstance(module, _BatchNorm) for module in learner.network.modules())
    if count > 1 and norms and not plain["trainer"].get("sync_batchnorm"):
        raise ConfigError(
            f"trainer.devices={trainer.num_devices}: each process would norm its own share of a batch; must be 1, "
            "or +trainer.sync_batchnorm=true be given, or the model have no batch norm"
        )


@contextmanager
def started(trainer: lightning.Trainer, folder: Path, checkpoint: Path | None) -> Iterator[list[Process]]:
    """Within, the other processes of a run are there, those of other ranks in their order; often there are none.

    Args:
        trainer: of the run.
        folder: of the run; its configuration is written.
        checkpoint: to go on from, if any.

    Raises:
        RuntimeError: one that could not start; it has told why.
    """
    others: list[Process] = []
    if not isinstance(trainer.strategy, DDPStrategy):
        yield others
        return
    place = trainer.strategy.cluster_environment
    before = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    over = threading.Event()
    try:
        if isinstance(place, Place):
            # As many threads in all as one process would have, unless the user says how many each has.
            threads = before[0] if before[1] else max(1, before[0] // trainer.num_devices)
            torch.set_num_threads(threads)
            os.environ["OMP_NUM_THREADS"] = str(threads)
            told = {"folder": str(folder), "checkpoint": checkpoint and str(checkpoint), "port": place.port}
            for rank in range(1, trainer.num_devices):
                others.append(_start(rank, told))
            for rank, other in enumerate(others, 1):
                if not other.stdout.read(1):  # type: ignore[union-attr]
                    raise RuntimeError(f"process {rank} could not start; the terminal has what it told")
                threading.Thread(target=_watch, args=(rank, other, over), daemon=True).start()
        yield others
    finally:
        over.set()
        for other in others:
            other.stdin.close()  # type: ignore[union-attr]
        for other in others:
            _end(other)
        if torch.distributed.is_initialized():  # the next run of this process may have others
            torch.distributed.destroy_process_group()
        torch.set_num_threads(before[0])
        os.environ.pop("OMP_NUM_THREADS", None)
        os.environ |= {"OMP_NUM_THREADS": before[1]} if before[1] else {}


@contextmanager
def blamed(others: list[Process]) -> Iterator[None]:
    """Where this process fails within because one of the others ended, say so instead of how that was noticed."""
    try:
        yield
    except RuntimeError:
        until = time.monotonic() + 2.0  # a connection is gone a little before the process
        for rank, other in enumerate(others, 1):
            with suppress(subprocess.TimeoutExpired):
                if code := other.wait(max(0.0, until - time.monotonic())):
                    raise RuntimeError(
                        f"process {rank} ended with code {code}; the terminal has what it told"
                    ) from None
        raise


def _start(rank: int, told: dict[str, Any]) -> Process:
    """A process that takes part; it ends when its standard input does, and so with this one in any case."""
    return subprocess.Popen(
        [sys.executable, "-m", "src.train", NONZERO_RANK, json.dumps(told | {"rank": rank})],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the first alone, which stops all after the same update
    )


def _end(other: Process) -> None:
    """Wait for the end of a process, and have it where it does not come."""
    try:
        other.wait(GRACE)
    except subprocess.TimeoutExpired:
        other.kill()
        other.wait()
    other.stdout.close()  # type: ignore[union-attr]


def _watch(rank: int, other: Process, over: threading.Event) -> None:
    """End this process where another has failed and it still waits for that one: on a GPU it would for long."""
    if other.wait() and not over.wait(GRACE):
        print(f"error: process {rank} ended with code {other.returncode}; so does this one", file=sys.stderr)
        os._exit(1)


@contextmanager
def signals_left(trainer: lightning.Trainer) -> Iterator[None]:
    """Within, there are no handlers but ours and the cluster's.

    Lightning's end a run whose job is only about to be queued again; and of several processes they wait, within a
    signal, for others that wait for them.
    """
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        with suppress(TypeError, ValueError):  # not Python's own, or not in the main thread
            signal.signal(signal.SIGINT, before)  # Lightning ignores it after a second Ctrl-C
