"""Going on with a run that was stopped: what may be changed, and the checkpoint to go on from."""

import csv
import logging
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger

from src.callbacks.checkpoint import BEST, LAST
from src.common import checks
from src.run.folder import STAMP, RunFolder
from src.settings import cli, errors
from src.settings.errors import ConfigError

log = logging.getLogger(__name__)
#: What may be given with `resume`; all else stays as the run began.
CHANGES = ("logger", "trainer.enable_progress_bar", "trainer.max_steps")
SWEEP_CHANGES = ("logger", "trainer.enable_progress_bar")


def changes_of(overrides: list[str]) -> dict[str, Any]:
    """What a command line that resumes a run changes, but for the logger, which is a whole section."""
    given = {one.key_or_group: one.value() for one in cli.parsed(overrides)}
    return {key: given[key] for key in CHANGES if key in given and key != "logger"}


def settings(folder: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration to go on with: the run's own, with the changes.

    Args:
        folder: of the run.
        changes: new values of some of CHANGES, by key.

    Raises:
        ConfigError: no run that could go on, or a change that it cannot be given.
    """
    cfg = RunFolder(folder).read_config(key="resume")
    try:
        metrics = RunFolder(folder).read_metrics()
    except ConfigError:  # a damaged one is written anew at the end
        metrics = {}
    where = f"resume={str(folder)!r}"
    if cfg.get("callbacks", {}).get("randomness") is None:
        raise ConfigError(
            f"{where}: was begun by an earlier version, which kept too little to go on; start it anew"
        )
    before = cfg["trainer"]["max_steps"]
    if "trainer.max_steps" in changes:
        after = errors.check("trainer.", checks.integer, "max_steps", changes["trainer.max_steps"])
        if after < before:
            raise ConfigError(f"trainer.max_steps={after}: must be at least the run's own {before}")
        cfg["trainer"]["max_steps"] = after
        if after > before and cfg["schedule"].get("final") == 0:
            raise ConfigError(
                f"trainer.max_steps={after}: the learning rate is 0 after {before} updates (schedule.final=0.0); "
                f"must be {before}, the run's own"
            )
    if "trainer.enable_progress_bar" in changes:
        shown = changes["trainer.enable_progress_bar"]
        cfg["trainer"]["enable_progress_bar"] = errors.check("trainer.", checks.flag, "enable_progress_bar", shown)
    if "logger" in changes:
        cfg["logger"] = dict(changes["logger"])
    status = metrics.get("status")
    if status == "diverged":
        raise ConfigError(
            f"{where}: {metrics.get('error')}; it would do so again, so start it anew with other settings"
        )
    if status == "finished":
        if metrics.get("solved") and cfg["stop_when_solved"]:
            raise ConfigError(f"{where}: is finished, it solved its task; there is nothing to go on with")
        if metrics.get("updates", before) >= cfg["trainer"]["max_steps"]:
            raise ConfigError(
                f"{where}: is finished; to go on it must be given a trainer.max_steps above {before}"
            )
    return {key: value for key, value in cfg.items() if key not in STAMP}


def newest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; None where none was written yet.

    Raises:
        ConfigError: there are checkpoints, but none to go on from.
    """
    faults: list[str] = []
    for name in (LAST, BEST):
        path = folder / "checkpoints" / name
        if not path.exists():
            continue
        fault = fault_of(path)
        if fault is None:
            if faults:
                log.warning("%s; going on from %s, which is older.", "; ".join(faults), name)
            return path
        faults.append(f"checkpoints/{name} {fault}")
    if faults:
        raise ConfigError(
            f"resume={str(folder)!r}: {'; '.join(faults)}; there must be one whole checkpoint, or none"
        )
    return None


def fault_of(path: Path) -> str | None:
    """What is wrong with a checkpoint as one to go on from; None if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # the checksums of its parts, which torch does not look at
                return "is damaged"
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except Exception:  # a damaged archive raises nearly anything
        return "is damaged"
    if not isinstance(stored, dict) or "optimizer_states" not in stored:
        return "holds weights alone, as published runs do"
    return None


def updates_of(path: Path) -> int:
    """The updates that a checkpoint had seen."""
    return int(torch.load(path, map_location="cpu", weights_only=True)["global_step"])


def keep_csv(logger: Any, folder: Path, done: int) -> None:
    """Hand Lightning's csv logger what it had written up to update `done`; it would begin an empty file."""
    path = folder / "metrics.csv"
    if not isinstance(logger, CSVLogger) or not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):  # cut off by a kill
        lines.pop()
    kept: list[tuple[dict[str, Any], int]] = []
    for row in csv.DictReader(lines):
        with suppress(ValueError, TypeError, KeyError):
            step = int(row.pop("step"))
            if step <= done:
                kept.append(({name: float(value) for name, value in row.items() if value}, step))
    for scalars, step in kept:
        logger.log_metrics(scalars, step)
    logger.save()
