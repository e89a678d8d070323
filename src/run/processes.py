"""Several processes for one run: rank of this process, and start, supervision and end of the others.

Rank 0 has the run folder, the logger, the checkpoints and the command line. The non-zero-rank processes run
`src.run.nonzero_rank`. On one machine rank 0 starts them; on several, torchrun or srun starts all processes with
the same command line.
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

from ..common.paths import CHECKOUT, module
from ..lit.learner import Learner
from ..settings.errors import ConfigError

#: First argument of a process that rank 0 has started; the second argument is its settings as JSON.
NONZERO_RANK = "--nonzero-rank"
#: Seconds that a process has to end after another process has failed or ended.
GRACE = 30.0
#: Variables that torchrun sets for each process.
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
#: Variables that srun sets for each process.
SRUN = ("SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS", "SLURM_NODEID")
Process = subprocess.Popen[bytes]


class Place(LightningEnvironment):
    """Rank of this process on this machine, and the port for communication.

    Args:
        rank: from 0.
        port: of rank 0.
    """

    def __init__(self, rank: int, port: int) -> None:
        super().__init__()
        self.rank, self.port = rank, port

    #: Otherwise Lightning repeats the command line, which may be that of a sweep, a notebook or a test.
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
    """The place of rank 0; None where torchrun or srun started all processes.

    Variables such as RANK, which a shell or an earlier job may have set, are ignored.
    """
    if launched_place() is not None:
        return None
    rank_zero_only.rank = 0  # type: ignore[attr-defined]
    alone = plain["trainer"].get("devices") == 1 and plain["trainer"].get("strategy", "auto") == "auto"
    return Place(0, 0 if alone else find_free_network_port())


def launched_place() -> ClusterEnvironment | None:
    """The place of this process among those that torchrun or srun has started; None if neither has.

    Raises:
        ConfigError: some, but not all, of the variables that torchrun or srun sets.
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
    """Refuse a variable of torchrun or srun without the other variables that the program sets."""
    unset = [name for name in others if not os.environ.get(name, "").isdecimal()]
    if unset:
        raise ConfigError(
            f"{variable} is set, as by {program}, and {', '.join(unset)} not; must be unset for a run that "
            f"{program} does not start"
        )


def check(plain: dict[str, Any], trainer: lightning.Trainer, learner: Learner) -> None:
    """Refuse a run that several processes cannot compute as one process would.

    Raises:
        ConfigError: fewer sequences than processes, batch normalisation over a share of the batch, or a wrong
            number of processes.
    """
    count, size = trainer.num_devices * trainer.num_nodes, learner.task.batch_size
    launched = launched_place()
    if launched is not None and launched.world_size() != count:
        raise ConfigError(
            f"trainer.devices={trainer.num_devices}, trainer.num_nodes={trainer.num_nodes}: must be those of the "
            f"{launched.world_size()} processes that torchrun or srun has started"
        )
    if launched is None and trainer.num_nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={trainer.num_nodes}: must be 1, or the command be started by torchrun or srun"
        )
    if size < count:
        raise ConfigError(f"task.batch_size={size}: must be at least {count}, a sequence for each process")
    norms = any(isinstance(module, _BatchNorm) for module in learner.network.modules())
    if count > 1 and norms and not plain["trainer"].get("sync_batchnorm"):
        raise ConfigError(
            f"trainer.devices={trainer.num_devices}: each process would normalise its own share of a batch; must "
            "be 1, or +trainer.sync_batchnorm=true be given, or the model have no batch norm"
        )


@contextmanager
def started(trainer: lightning.Trainer, folder: Path, checkpoint: Path | None) -> Iterator[list[Process]]:
    """Context with the non-zero-rank processes that rank 0 starts, in the order of ranks; often there are none.

    Args:
        trainer: of the run.
        folder: of the run; config.yaml is written.
        checkpoint: to resume from, if any.

    Raises:
        RuntimeError: a process could not start; its output says why.
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
            # As many threads in all as one process would have, unless the user sets the number for each.
            threads = before[0] if before[1] else max(1, before[0] // trainer.num_devices)
            torch.set_num_threads(threads)
            os.environ["OMP_NUM_THREADS"] = str(threads)
            settings = {"folder": str(folder), "checkpoint": checkpoint and str(checkpoint), "port": place.port}
            for rank in range(1, trainer.num_devices):
                others.append(_start(rank, settings))
            for rank, other in enumerate(others, 1):
                if not other.stdout.read(1):  # type: ignore[union-attr]
                    raise RuntimeError(f"process {rank} could not start; the terminal has its output")
                threading.Thread(target=_watch, args=(rank, other, over), daemon=True).start()
        yield others
    finally:
        over.set()
        for other in others:
            other.stdin.close()  # type: ignore[union-attr]
        for other in others:
            _end(other)
        if torch.distributed.is_initialized():  # the next run in this process starts others
            torch.distributed.destroy_process_group()
        torch.set_num_threads(before[0])
        os.environ.pop("OMP_NUM_THREADS", None)
        os.environ |= {"OMP_NUM_THREADS": before[1]} if before[1] else {}


@contextmanager
def failures_attributed_to(others: list[Process]) -> Iterator[None]:
    """Context in which a RuntimeError caused by the end of another process names that process instead."""
    try:
        yield
    except RuntimeError:
        until = time.monotonic() + 10.0  # the connection closes shortly before the process ends
        for rank, other in enumerate(others, 1):
            with suppress(subprocess.TimeoutExpired):
                if code := other.wait(max(0.0, until - time.monotonic())):
                    raise RuntimeError(
                        f"process {rank} ended with code {code}; the terminal has its output"
                    ) from None
        raise


def _start(rank: int, settings: dict[str, Any]) -> Process:
    """Start a non-zero-rank process; it ends when its standard input is closed, so at the latest with this one."""
    path = os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "-m", module("train"), NONZERO_RANK, json.dumps(settings | {"rank": rank})],
        env=os.environ | ({"PYTHONPATH": path} if CHECKOUT else {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C reaches rank 0 alone, which stops all after the same update
    )


def _end(other: Process) -> None:
    """Wait for the end of a process; kill it after GRACE seconds."""
    try:
        other.wait(GRACE)
    except subprocess.TimeoutExpired:
        other.kill()
        other.wait()
    other.stdout.close()  # type: ignore[union-attr]


def _watch(rank: int, other: Process, over: threading.Event) -> None:
    """End this process if it still waits GRACE seconds after another failed; a GPU would wait much longer."""
    if other.wait() and not over.wait(GRACE):
        print(f"error: process {rank} ended with code {other.returncode}; so does this one", file=sys.stderr)
        os._exit(1)


@contextmanager
def without_lightning_signal_handlers(trainer: lightning.Trainer) -> Iterator[None]:
    """Context without Lightning's signal handlers; those of this project and of the cluster stay.

    Lightning's handlers end a run whose job is only about to be requeued; with several processes they deadlock,
    since they wait inside a signal for processes that wait for this one.
    """
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        with suppress(TypeError, ValueError):  # not a Python handler, or not the main thread
            signal.signal(signal.SIGINT, before)  # Lightning ignores it after a second Ctrl-C
