"""What a process does that is not the first of its run: its share of every batch, and nothing else.

It has the configuration of the run, and the same weights as all others at any time; it writes and tells nothing.
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

from src.lit.divergence import Diverged
from src.run import processes, resume
from src.run.fit import ended_by_itself
from src.run.folder import RunFolder
from src.run.parts import Parts
from src.run.quiet import quiet
from src.settings import cli
from src.settings.errors import ConfigError
from src.settings.keys import resolve


def take_part(assemble: Callable[..., Parts]) -> bool:
    """Do the part of a process that is not the first of its run; False, and nothing done, if it is.

    Args:
        assemble: makes the objects of a run of a configuration, a folder, updates done and an environment.
    """
    if sys.argv[1:2] == [processes.NONZERO_RANK]:
        told = json.loads(sys.argv[2])
        threading.Thread(target=_end_with_the_first, daemon=True).start()
        folder = Path(told["folder"])
        parts = assemble(
            _silent(RunFolder(folder).read_config()), folder, 0, processes.Place(told["rank"], told["port"])
        )
        os.write(1, b"!")
        os.dup2(2, 1)  # nobody reads on, and a pipe that is full would stop all
        try:
            _take_part(parts, told["checkpoint"])
        except Exception:
            time.sleep(1.0)  # where the first has ended, this one has nothing to tell
            raise
        return True
    with cli.refusals():
        around = processes.outside()
        if around is None:
            return False
        line = cli.read()
        given = {one.key_or_group: one for one in cli.parsed(line.overrides)}
        again = Path(str(given["resume"].value())) if "resume" in given else None
        if line.multirun or (again is not None and (again / "sweep.json").exists()):
            raise ConfigError("-m: must be left out, and one run be given, where torchrun or srun starts it")
        if around.global_rank() == 0:
            return False
        job = cli.composed("train", line.overrides)[0]
        plain = resolve(job.config)
        if line.asks_only or plain["dry_run"]:
            return True
        checkpoint = None
        if again is not None:
            plain, checkpoint = resume.settings(again, resume.changes_of(line.overrides)), resume.newest(again)
        parts = assemble(_silent(plain), again or job.folder)
    _take_part(parts, checkpoint)
    return True


def _take_part(parts: Parts, checkpoint: str | Path | None) -> None:
    """Fit and, if all went well, test; all processes find alike whether it did."""
    try:
        with processes.signals_left(parts.trainer), quiet(), parts.learner.prepared():
            parts.trainer.fit(parts.learner, datamodule=parts.task, ckpt_path=checkpoint, weights_only=True)
    except Diverged:
        return
    if ended_by_itself(parts).status == "finished":
        with quiet():
            parts.trainer.test(parts.learner, datamodule=parts.task, verbose=False)


def _silent(plain: dict[str, Any]) -> dict[str, Any]:
    """A configuration that logs and shows nothing; from now on, this process does not either."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    return plain | {"logger": {"name": "none"}, "trainer": plain["trainer"] | {"enable_progress_bar": False}}


def _end_with_the_first() -> None:
    """Wait for the end of the process that has started this one, and end; however that one ended."""
    while os.read(0, 1):
        pass
    os._exit(1)
