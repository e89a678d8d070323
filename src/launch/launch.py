"""From a command line to runs: new ones, ones to go on with, whole sweeps, or only a look at what it would be."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.common import checks
from src.launch import estimate, launchers, remote, sweep
from src.run import lock, resume
from src.settings import cli, errors, keys
from src.settings.errors import ConfigError

#: Settings of the command, not of the run.
OWN = ("resume", "retry_failed", "dry_run")


def command(main: Callable[[], Any], refuse: Callable[[dict[str, Any], Path], None]) -> None:
    """Do what the command line of `python -m src.train` asks for.

    Args:
        main: decorated with `hydra.main`; runs one job.
        refuse: raises a ConfigError for a configuration that cannot be run in a folder.
    """
    folder = None
    with cli.refusals():
        line = resumed(cli.read())
        line = line._replace(overrides=launchers.given(line.overrides)) if line.multirun else line
        jobs = cli.composed("train", line.overrides, line.multirun)
        first = keys.resolve(jobs[0].config)
        check(first)
        launchers.check(jobs[0].launcher)
        if launchers.is_remote(jobs[0].launcher) and without(line.overrides, "hydra.searchpath") != line.overrides:
            raise ConfigError(
                "hydra.searchpath: must be left out with hydra/launcher=ray, which sends conf/ alone"
            )
        going_on = first["resume"] is not None
        if line.asks_only:
            pass
        elif first["dry_run"]:
            print(estimate.report(left(jobs, line.overrides) if going_on else jobs))
            return
        elif line.multirun:
            folder = Path(first["resume"]) if going_on else jobs[0].sweep
            assert folder is not None
            if not going_on and launchers.is_here(jobs[0].launcher):
                refuse_all(jobs, refuse)
            line = begin(line, jobs, folder, going_on)
        elif not going_on:
            refuse(first, jobs[0].folder)
        cli.give(line)
    try:
        if folder is not None and launchers.is_remote(jobs[0].launcher):
            sys.exit(remote.carry_out(jobs, folder, first["retry_failed"]))
        with launchers.faults(jobs[0].launcher):
            main()
    except ConfigError as error:  # of a cluster
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:  # joblib's; a run of its own ends with a checkpoint, and tells
        sys.exit(130)
    finally:
        if folder is not None:
            print(f"\n{sweep.summary(folder)}")


def left(jobs: list[cli.Job], overrides: list[str]) -> list[cli.Job]:
    """What there still is to do where a run or a sweep goes on: whole runs, however far they have come."""
    if jobs[0].sweep is not None:
        return [job for job in jobs if sweep.standing(job.folder).standing not in sweep.DONE]
    own = OmegaConf.create(resume.settings(jobs[0].folder, resume.changes_of(overrides)))
    return [jobs[0]._replace(config=own, overrides=[])]


def check(cfg: dict[str, Any]) -> None:
    """Refuse what is wrong with the settings of the command itself."""
    errors.check("", checks.flag, "dry_run", cfg["dry_run"])
    errors.check("", checks.flag, "retry_failed", cfg["retry_failed"])
    if cfg["retry_failed"] and cfg["resume"] is None:
        raise ConfigError("retry_failed=True: goes with resume=<folder of a sweep> alone; must be false here")


def refuse_all(jobs: list[cli.Job], refuse: Callable[[dict[str, Any], Path], None]) -> None:
    """Refuse a sweep none of whose jobs can be run; among others, a bad one fails alone."""
    refusals = []
    for job in jobs:
        try:
            return refuse(keys.resolve(job.config), job.folder)
        except ConfigError as error:
            refusals.append(error)
    raise refusals[0]


def begin(line: cli.Line, jobs: list[cli.Job], folder: Path, going_on: bool) -> cli.Line:
    """Write down a new sweep, or make sure that an old one still is what it was; its folder is set for good."""
    if going_on:
        if lock.is_held(folder):  # by a cluster, whose jobs are elsewhere
            raise ConfigError(f"resume={str(folder)!r}: is running now; must be a sweep that has stopped")
        before = [job["folder"] for job in sweep.read(folder)["jobs"]]
        now = [str(job.folder.relative_to(folder.absolute())) for job in jobs]
        if before != now:
            raise ConfigError(
                f"resume={str(folder)!r}: has the jobs {', '.join(before)}; with conf/ as it is now they would be "
                f"{', '.join(now)}; must be gone on with by the code it was begun with"
            )
    else:
        sweep.begin(folder, line.overrides, jobs)
    overrides = [*without(line.overrides, "hydra.sweep.dir"), at(folder)]
    return line._replace(overrides=overrides)


def at(folder: Path) -> str:
    """The override that keeps the sweep in its folder, which may have the time in its name."""
    return f"hydra.sweep.dir={cli.quoted(folder.absolute())}"


def without(overrides: list[str], *keys: str) -> list[str]:
    """The overrides of other keys."""
    return [
        one for one, read in zip(overrides, cli.parsed(overrides), strict=True) if read.key_or_group not in keys
    ]


def resumed(line: cli.Line) -> cli.Line:
    """A command line with `resume` as the one that Hydra needs to be given; any other as it is.

    Raises:
        ConfigError: a folder without a run or a sweep that could go on, or a setting that goes ill with resume.
    """
    given = {one.key_or_group: one for one in cli.parsed(line.overrides)}
    for key, override in given.items():
        if key in OWN and override.is_delete():
            raise ConfigError(f"{override.input_line}: cannot be left out; must be null or false")
    if "resume" not in given or given["resume"].value() is None:
        return line
    for key, override in given.items():
        if override.is_sweep_override() and key in (*OWN, *resume.CHANGES):
            raise ConfigError(f"{override.input_line}: must be one value when a run goes on")
    if not str(given["resume"].value()):
        raise ConfigError("resume='': must be the folder of a run or of a sweep")
    folder = Path(str(given["resume"].value()))
    is_sweep = os.path.exists(folder / "sweep.json")  # False, too, for a name that is too long
    if not is_sweep and ("retry_failed" in given or line.multirun):
        raise ConfigError(f"resume={str(folder)!r}: is not the folder of a sweep, one that holds sweep.json")
    allowed = resume.SWEEP_CHANGES if is_sweep else resume.CHANGES
    for key, override in given.items():
        launcher = is_sweep and key.replace("/", ".").startswith("hydra.launcher")
        if (key not in (*OWN, *allowed) and not launcher) or override.is_delete():
            raise ConfigError(
                f"{override.input_line}: cannot be changed when a run goes on; must be left out, as all but "
                + ", ".join(allowed)
            )
    if is_sweep:
        before = without(sweep.read(folder)["overrides"], "hydra.sweep.dir", *given)
        if "hydra/launcher" in given:  # another one has other settings
            before = [one for one in before if not one.lstrip("+").startswith("hydra.launcher.")]
        return line._replace(overrides=[*before, *line.overrides, at(folder)], multirun=True)
    resume.settings(folder, resume.changes_of(line.overrides))
    resume.newest(folder)
    if lock.is_held(folder):
        raise ConfigError(f"resume={str(folder)!r}: is running now; must be a run that has stopped")
    # What Hydra keeps of the first command line stays as it is.
    here = [f"hydra.run.dir={cli.quoted(folder)}", "hydra.output_subdir=null"]
    return line._replace(overrides=[*line.overrides, *here])
