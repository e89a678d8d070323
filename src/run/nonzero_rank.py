"""Non-zero-rank process of a run: computes its share of every batch.

It has the same configuration and the same weights as rank 0; it writes no files and logs nothing.
"""

import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..lit.divergence import Diverged
from ..settings import cli
from ..settings.errors import ConfigError
from ..settings.keys import resolve
from . import processes, resume
from .fit import end_of_training
from .folder import RunFolder
from .parts import Parts
from .quiet import quiet


def run_if_nonzero_rank(assemble: Callable[..., Parts]) -> bool:
    """Train and test if this is a non-zero-rank process of a run; False, and nothing done, if it is not.

    Args:
        assemble: makes the objects of a run from configuration, folder, number of updates done and environment.
    """
    if sys.argv[1:2] == [processes.NONZERO_RANK]:
        settings = json.loads(sys.argv[2])
        threading.Thread(target=_exit_with_rank_zero, daemon=True).start()
        folder = Path(settings["folder"])
        checkpoint, place = settings["checkpoint"], processes.Place(settings["rank"], settings["port"])
        parts = assemble(_silent(RunFolder(folder).read_config()), folder, _updates(checkpoint), place)
        os.write(1, b"!")
        os.dup2(2, 1)  # rank 0 reads no more, and a full pipe would block
        try:
            _fit_and_test(parts, checkpoint)
        except Exception:
            time.sleep(1.0)  # if rank 0 has ended, this process is ended before it prints
            raise
        return True
    with cli.refusals():
        launched = processes.launched_place()
        if launched is None:
            return False
        line = cli.read()
        given = {one.key_or_group: one for one in cli.parsed(line.overrides)}
        asked = given["resume"].value() if "resume" in given else None
        resumed = None if asked is None else Path(str(asked))
        if line.multirun or (resumed is not None and (resumed / "sweep.json").exists()):
            raise ConfigError("-m: must be left out, and one run be given, where torchrun or srun starts it")
        if launched.global_rank() == 0:
            return False
        job = cli.composed("train", line.overrides)[0]
        plain = resolve(job.config)
        if line.asks_only or plain["dry_run"]:
            return True
        checkpoint = None
        if resumed is not None:
            plain, checkpoint = resume.settings(resumed, resume.changes_of(line.overrides)), resume.newest(resumed)
        parts = assemble(_silent(plain), resumed or job.folder, _updates(checkpoint))
    _fit_and_test(parts, checkpoint)
    return True


def _updates(checkpoint: str | Path | None) -> int:
    """The number of updates that are done, as in rank 0: where some are, `init_from` is not loaded again."""
    return 0 if checkpoint is None else resume.updates_of(Path(checkpoint))


def _fit_and_test(parts: Parts, checkpoint: str | Path | None) -> None:
    """Train, and test if the training finished; all processes agree on whether it did."""
    try:
        with processes.without_lightning_signal_handlers(parts.trainer), quiet(), parts.learner.prepared():
            parts.trainer.fit(parts.learner, datamodule=parts.task, ckpt_path=checkpoint, weights_only=True)
    except Diverged:
        return
    if end_of_training(parts).status == "finished":
        with quiet():
            parts.trainer.test(parts.learner, datamodule=parts.task, verbose=False)


def _silent(plain: dict[str, Any]) -> dict[str, Any]:
    """The configuration without logger and progress bar; also turns off logging and warnings in this process."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    return plain | {"logger": {}, "trainer": plain["trainer"] | {"enable_progress_bar": False}}


def _exit_with_rank_zero() -> None:
    """End this process when rank 0, which started it, ends in any way: standard input is then closed."""
    while os.read(0, 1):
        pass
    os._exit(1)
