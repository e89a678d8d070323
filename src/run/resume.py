"""Resume of a stopped run: the settings that may change, and the checkpoint to resume from."""

import csv
import logging
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import CSVLogger

from ..callbacks.checkpoint import BEST, LAST
from ..common import checks
from ..settings import cli, errors, required
from ..settings.errors import ConfigError
from .folder import STAMP, RunFolder

log = logging.getLogger(__name__)
#: Settings that may be given with `resume`; all others stay as the run began.
CHANGES = ("logger", "trainer.enable_progress_bar", "trainer.max_steps")
SWEEP_CHANGES = ("logger", "trainer.enable_progress_bar")


def changes_of(overrides: list[str]) -> dict[str, Any]:
    """The changes in a command line that resumes a run, except the logger, which is a whole section."""
    given = {one.key_or_group: one.value() for one in cli.parsed(overrides)}
    return {key: given[key] for key in CHANGES if key in given and key != "logger"}


def settings(folder: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a run to be resumed, with changes.

    Args:
        folder: of the run.
        changes: new values of some of CHANGES, by key.

    Raises:
        ConfigError: no run that can be resumed, or a change that is not possible.
    """
    cfg = RunFolder(folder).read_config(key="resume")
    try:
        metrics = RunFolder(folder).read_metrics()
    except ConfigError:  # a damaged file is replaced at the end of the run
        metrics = {}
    where = f"resume={str(folder)!r}"
    if cfg.get("callbacks", {}).get("randomness") is None:
        raise ConfigError(
            f"{where}: was begun by an earlier version, which kept too little to resume it; start it anew"
        )
    try:
        required.check_run(cfg)
    except ConfigError as error:
        raise ConfigError(f"{where}: config.yaml: {error}") from error
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
        if after > before and cfg["model"].get("sigma_schedule"):
            raise ConfigError(
                f"trainer.max_steps={after}: widths would grow again, as model.sigma_schedule ends by {before} "
                f"updates; must be {before}, the run's own"
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
            raise ConfigError(f"{where}: is finished, it solved its task; there is nothing to resume")
        if metrics.get("updates", before) >= cfg["trainer"]["max_steps"]:
            raise ConfigError(f"{where}: is finished; to resume it, trainer.max_steps must be above {before}")
    return {key: value for key, value in cfg.items() if key not in STAMP}


def newest(folder: Path) -> Path | None:
    """The newest undamaged checkpoint; None if none was written yet.

    Raises:
        ConfigError: there are checkpoints, but none to resume from.
    """
    faults: list[str] = []
    for name in (LAST, BEST):
        path = folder / "checkpoints" / name
        if not path.exists():
            continue
        fault = fault_of(path)
        if fault is None:
            if faults:
                log.warning("%s; resuming from %s, which is older.", "; ".join(faults), name)
            return path
        faults.append(f"checkpoints/{name} {fault}")
    if faults:
        raise ConfigError(
            f"resume={str(folder)!r}: {'; '.join(faults)}; there must be one whole checkpoint, or none"
        )
    return None


def fault_of(path: Path) -> str | None:
    """Why a run cannot be resumed from a checkpoint; None if it can."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:  # checksums, which torch does not check
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
    """The number of updates that a checkpoint was saved after."""
    return int(torch.load(path, map_location="cpu", weights_only=True)["global_step"])


def keep_csv(loggers: Sequence[Any], folder: Path, done: int) -> None:
    """Give Lightning's csv logger the rows already written up to update `done`; else it begins an empty file.

    Results of an earlier end of the run, `final/...`, are left out.
    """
    path = folder / "metrics.csv"
    logger = next((one for one in loggers if isinstance(one, CSVLogger)), None)
    if logger is None or not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):  # truncated by a kill
        lines.pop()
    kept: list[tuple[dict[str, Any], int]] = []
    for row in csv.DictReader(lines):
        with suppress(ValueError, TypeError, KeyError):
            step = int(row.pop("step"))
            if step <= done:
                own = {name: value for name, value in row.items() if value and not name.startswith("final/")}
                kept.append(({name: float(value) for name, value in own.items()}, step))
    for scalars, step in kept:
        if scalars:
            logger.log_metrics(scalars, step)
    logger.save()
