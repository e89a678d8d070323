"""Command line of src.train: a new run, a resumed run, a sweep, or a dry run."""

import logging
import os
import sys
from pathlib import Path
from typing import Any

import torch
from hydra._internal.callbacks import Callbacks
from omegaconf import DictConfig, OmegaConf, open_dict

from ..common import checks
from ..common.subprocesses import STOPPED
from ..run import lock, resume
from ..settings import cli, errors, keys, required
from ..settings.errors import ConfigError
from ..settings.job import Job
from . import estimate, job, launchers, ray, sweep

log = logging.getLogger(__name__)


def command() -> None:
    """Run the command line of `python -m src.train`."""
    with cli.refusals():
        line = expand_resume(cli.read())
        if line.multirun:
            line = line._replace(overrides=launchers.with_defaults(line.overrides))
            jobs, whole = cli.composed_sweep("train", line.overrides)
            if (size := whole.hydra.sweeper.max_batch_size) is not None:
                errors.check("hydra.sweeper.", checks.integer, "max_batch_size", size)
        else:
            jobs = cli.composed("train", line.overrides)
        first = keys.resolve(jobs[0].config)
        check(first)
        launcher = launchers.launcher_of(jobs[0].launcher)
        launcher.check(jobs[0].launcher)
        if launcher is ray and without(line.overrides, "hydra.searchpath") != line.overrides:
            raise ConfigError(
                "hydra.searchpath: must be left out with hydra/launcher=ray, which sends conf/ alone"
            )
        resumes = first["resume"] is not None
        checked: job.Checked | None = None
        if line.asks_only:
            pass
        elif first["dry_run"]:
            print(estimate.report(remaining(jobs, line.overrides) if resumes else jobs))
            return
        elif line.multirun:
            folder = Path(first["resume"] or str(jobs[0].sweep))
            if resumes:
                check_same(jobs, folder)
            else:
                if launcher.is_here:
                    refuse_all(jobs)
                sweep.begin(folder, line.overrides, jobs)
            OmegaConf.save(whole, folder / "multirun.yaml")
        elif not resumes:
            checked = job.check(jobs[0])
    if line.asks_only:
        cli.ask("train", line)
    elif line.multirun:
        launch(jobs, folder, whole)
    else:
        try:
            with cli.failures():
                job.run_single(jobs[0], checked)
        except KeyboardInterrupt:
            sys.exit(STOPPED)


def launch(jobs: list[Job], folder: Path, whole: DictConfig) -> None:
    """Run the jobs of a sweep and print their status; ends the process with an exit code if one is not done."""
    size = whole.hydra.sweeper.max_batch_size or len(jobs)
    callbacks, name = Callbacks(whole), whole.hydra.job.config_name
    callbacks.on_multirun_start(config=whole, config_name=name)
    try:
        with cli.failures():
            code = launch_in_batches(jobs, folder, size)
        callbacks.on_multirun_end(config=whole, config_name=name)
        if code:
            sys.exit(code)
    except KeyboardInterrupt:  # from joblib; a run in this process ends with a checkpoint instead
        sys.exit(STOPPED)
    finally:
        print(f"\n{sweep.summary(folder)}")


def launch_in_batches(jobs: list[Job], folder: Path, size: int) -> int:
    """Run the jobs of a sweep, `size` at a time; returns the exit code, that of a stop by the user at once.

    Raises:
        Exception: the first exception of a batch, after all batches; the others are logged.
    """
    launcher = launchers.launcher_of(jobs[0].launcher)
    codes: list[int] = []
    failures: list[Exception] = []
    for first in range(0, len(jobs), size):
        try:
            codes.append(launcher.launch(jobs[first : first + size], folder))
        except Exception as failure:
            if failures:
                log.error("%s", failure)
            failures.append(failure)
        if codes and codes[-1] == STOPPED:
            return STOPPED
    if failures:
        raise failures[0]
    return max(codes)


def remaining(jobs: list[Job], overrides: list[str]) -> list[Job]:
    """The jobs that remain when a run or a sweep is resumed; a run that has begun counts in full."""
    if jobs[0].sweep is not None:
        return [one for one in jobs if sweep.is_left(one.folder, one.composed.retry_failed)]
    settings = resume.settings(jobs[0].folder, resume.changes_of(overrides))
    settings.pop("init_from", None)  # it is not loaded again, and may be gone
    whole = OmegaConf.masked_copy(jobs[0].composed, "hydra")
    with open_dict(whole):
        whole.update(settings)
    return [jobs[0]._replace(composed=whole, overrides=[])]


def check(cfg: dict[str, Any]) -> None:
    """Check the keys of the command itself."""
    errors.check("", checks.flag, "dry_run", cfg["dry_run"])
    errors.check("", checks.flag, "retry_failed", cfg["retry_failed"])
    if cfg["retry_failed"] and cfg["resume"] is None:
        raise ConfigError("retry_failed=True: goes with resume=<folder of a sweep> alone; must be false here")


def refuse_all(jobs: list[Job]) -> None:
    """Refuse a sweep if none of the jobs can be run; otherwise an invalid job fails alone."""
    refusals = []
    for one in jobs:
        try:
            with torch.random.fork_rng():
                job.check(one)
            return
        except ConfigError as error:
            refusals.append(error)
    raise refusals[0]


def check_same(jobs: list[Job], folder: Path) -> None:
    """Refuse to resume a sweep that is running, or whose jobs would differ from those it was begun with."""
    if lock.is_held(folder):  # by a command whose jobs run on a cluster
        raise ConfigError(f"resume={str(folder)!r}: is running now; must be a sweep that has stopped")
    before = [one["folder"] for one in sweep.read(folder)["jobs"]]
    now = [str(one.folder.relative_to(folder.absolute())) for one in jobs]
    if before != now:
        raise ConfigError(
            f"resume={str(folder)!r}: has the jobs {', '.join(before)}; with conf/ as it is now they would be "
            f"{', '.join(now)}; must be resumed with the code it was begun with"
        )


def sweep_folder_override(folder: Path) -> str:
    """The override that keeps a resumed sweep in `folder`, whose name may contain the time."""
    return f"hydra.sweep.dir={cli.quoted(folder.absolute())}"


def without(overrides: list[str], *keys: str) -> list[str]:
    """The overrides, without those of `keys`."""
    return [
        one for one, read in zip(overrides, cli.parsed(overrides), strict=True) if read.key_or_group not in keys
    ]


def expand_resume(line: cli.Line) -> cli.Line:
    """The command line with the overrides of the run or sweep that it resumes; one without `resume` unchanged.

    Raises:
        ConfigError: no run or sweep that can be resumed, or a setting that cannot be combined with resume.
    """
    given = {one.key_or_group: one for one in cli.parsed(line.overrides)}
    for key, override in given.items():
        if key in required.COMMAND and override.is_delete():
            raise ConfigError(f"{override.input_line}: cannot be left out; must be null or false")
        if key in required.COMMAND and override.is_sweep_override():
            raise ConfigError(f"{override.input_line}: must be one value, for the command as a whole")
    if "resume" not in given or given["resume"].value() is None:
        return line
    for key, override in given.items():
        if override.is_sweep_override() and key in resume.CHANGES:
            raise ConfigError(f"{override.input_line}: must be one value when a run is resumed")
    if not str(given["resume"].value()):
        raise ConfigError("resume='': must be the folder of a run or of a sweep")
    folder = Path(str(given["resume"].value()))
    is_sweep = os.path.exists(folder / "sweep.json")  # also False for a name that is too long
    if not is_sweep and ("retry_failed" in given or line.multirun):
        raise ConfigError(f"resume={str(folder)!r}: is not the folder of a sweep, one that holds sweep.json")
    allowed = resume.SWEEP_CHANGES if is_sweep else resume.CHANGES
    for key, override in given.items():
        launcher = is_sweep and key.replace("/", ".").startswith("hydra.launcher")
        if (key not in (*required.COMMAND, *allowed) and not launcher) or override.is_delete():
            raise ConfigError(
                f"{override.input_line}: cannot be changed when a run is resumed; must be left out, as all but "
                + ", ".join(allowed)
            )
    if is_sweep:
        before = without(sweep.read(folder)["overrides"], "hydra.sweep.dir", *given)
        if "hydra/launcher" in given:  # another launcher has other settings
            before = [one for one in before if not one.lstrip("+").startswith("hydra.launcher.")]
        return line._replace(overrides=[*before, *line.overrides, sweep_folder_override(folder)], multirun=True)
    resume.settings(folder, resume.changes_of(line.overrides))
    resume.newest(folder)
    if lock.is_held(folder):
        raise ConfigError(f"resume={str(folder)!r}: is running now; must be a run that has stopped")
    return line._replace(overrides=[*line.overrides, f"hydra.run.dir={cli.quoted(folder)}"])
