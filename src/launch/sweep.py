"""Folder of a sweep: jobs, status of each job, and time that the remaining jobs will take."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..common.files import write_json
from ..common.paths import command, program
from ..common.text import columns, duration
from ..lit import objectives
from ..run.ending import DONE, Ending
from ..run.folder import RunFolder, UnreadableError
from ..settings.cli import argument
from ..settings.errors import ConfigError
from ..settings.job import Job

#: Status of a job, in the order of the summary. A `waiting` job has not begun, a `half-done` job was killed.
STATUSES = ("finished", "diverged", "failed", "stopped", "half-done", "running", "waiting")


class JobStatus(NamedTuple):
    """Status of one job of a sweep."""

    folder: Path
    status: str  # one of STATUSES
    metrics: dict[str, Any]  # metrics.json, {} if there is none
    seconds: float | None  # of the run, if it has ended; else since it was begun or resumed
    ending: Ending | None  # None if it has not ended


def begin(folder: Path, overrides: Sequence[str], jobs: Sequence[Job]) -> None:
    """Write sweep.json with the overrides and jobs of a sweep, so that it can be resumed.

    Raises:
        ConfigError: the folder holds a sweep or a run already, or two of the jobs would write to one folder.
    """
    if (folder / "sweep.json").exists():
        raise ConfigError(
            f"hydra.sweep.dir={str(folder)!r}: holds a sweep already; must be a new folder, "
            f"or {argument('resume', folder)} to resume it"
        )
    if RunFolder(folder).holds_run():
        raise ConfigError(f"hydra.sweep.dir={str(folder)!r}: holds a run; must be a new folder")
    shared = [one for one, count in Counter(job.folder for job in jobs).items() if count > 1]
    if shared:
        raise ConfigError(
            f"hydra.sweep.subdir: gives several jobs the folder {str(shared[0])!r}; must give each its own, "
            "with ${hydra.job.num} for example"
        )
    for job in jobs:
        if RunFolder(job.folder).holds_run():
            raise ConfigError(
                f"hydra.sweep.dir={str(folder)!r}: holds the run {job.folder.name!r}; must be a new folder"
            )
    folder.mkdir(parents=True, exist_ok=True)
    names = [str(job.folder.relative_to(folder)) for job in jobs]
    content = {
        "overrides": list(overrides),
        "jobs": [{"folder": name, "overrides": job.overrides} for name, job in zip(names, jobs, strict=True)],
    }
    write_json(folder / "sweep.json", content)


def read(folder: Path) -> dict[str, Any]:
    """The content of sweep.json, as written by `begin`.

    Raises:
        ConfigError: a damaged file.
    """
    try:
        content = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
        return {
            "overrides": [str(one) for one in content["overrides"]],
            "jobs": [
                {"folder": str(job["folder"]), "overrides": list(job["overrides"])} for job in content["jobs"]
            ],
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"resume={str(folder)!r}: sweep.json is damaged ({error}); must be one of {command('train')}"
        ) from error


def status_of(folder: Path) -> JobStatus:
    """The status of the job whose folder is `folder`."""
    run = RunFolder(folder)
    try:
        metrics = run.read_metrics()
    except UnreadableError:
        metrics = {}
    ending = Ending.read(metrics)
    begun = _modified(run.config_file)
    # A run that is done no longer changes, so the lock, which is slow on a cluster, is not checked.
    if (ending is None or ending.status not in DONE) and run.is_held():
        return JobStatus(folder, "running", {}, _between(begun, time.time()), None)
    if ending is not None:
        took = _between(begun, _modified(run.metrics_file))  # of its last process; `seconds`: of training, in all
        if took is not None:
            took = max(took, metrics.get("seconds") or 0.0)
        return JobStatus(folder, ending.status, metrics, took, ending)
    return JobStatus(folder, "waiting" if begun is None else "half-done", {}, None, None)


def is_left(folder: Path, retry_failed: bool) -> bool:
    """Whether a resumed sweep runs the job of a folder: it is not done, and has not failed or is to be retried."""
    status = status_of(folder).status
    return status not in DONE and (retry_failed or status != "failed")


def _modified(path: Path) -> float | None:
    """When a file was last written; None if there is none, or none any more, as its run begins again."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _between(begun: float | None, ended: float | None) -> float | None:
    """Seconds between two times; None if they are not in order, after a clock was set back or a file copied."""
    return None if begun is None or ended is None or ended < begun else ended - begun


def statuses(folder: Path) -> list[JobStatus]:
    """The status of each job of a sweep, in order."""
    return [status_of(folder / job["folder"]) for job in read(folder)["jobs"]]


def progress(jobs: Sequence[JobStatus], at_once: int | None = None) -> str:
    """The progress of a sweep, in one line.

    The remaining time assumes that each job takes the mean time of the jobs that have ended.

    Args:
        jobs: of the sweep.
        at_once: jobs that run at once while there are as many; as many as now by default.
    """
    count = Counter(job.status for job in jobs)
    ended = sum(count[one] for one in DONE)
    parts = [f"{ended} of {len(jobs)} done"]
    parts += [f"{count[one]} {one}" for one in STATUSES if count[one] and one not in ("finished", "waiting")]
    took = [job.seconds for job in jobs if job.status in DONE and job.seconds is not None]
    running = [job for job in jobs if job.status == "running"]
    todo = count["waiting"] + count["half-done"] + count["stopped"]
    if took and (todo or running):
        mean = sum(took) / len(took)
        remaining = todo * mean + sum(max(0.0, mean - (job.seconds or 0.0)) for job in running)
        workers = min(at_once or len(running) or 1, len(running) + todo)
        parts.append(f"about {duration(remaining / workers)} left")
    return ", ".join(parts)


def summary(folder: Path) -> str:
    """A table with a row for each job, and the commands that run those that are not done."""
    jobs = statuses(folder)
    rows = []
    for job in jobs:
        validation = job.metrics.get("validation") or {}
        objective = objectives.recognised(validation)
        metric = None if objective is None else objective.headline
        value = validation.get(metric)  # null if it was no number
        solved = job.metrics.get("sequences_to_solve")
        rows.append(
            {
                "job": job.folder.name,
                "status": job.status,
                "updates": f"{job.metrics['updates']:,}" if "updates" in job.metrics else "",
                "validation": "" if value is None else f"{metric} {value:.4g}",
                "solved after": "" if solved is None else f"{solved:,}",
                "took": "" if job.seconds is None else duration(job.seconds),
                "error": _short(job.metrics.get("error") or ""),
            }
        )
    lines = [columns(rows), "", f"{progress(jobs)}: {folder}"]
    count, again = Counter(job.status for job in jobs), argument("resume", folder)
    if any(count[one] for one in ("waiting", "half-done", "stopped")):
        lines.append(f"{program('train')} {again}    # resumes the sweep")
    if any(job.ending is not None and job.ending.worth_a_retry for job in jobs):
        lines.append(f"{program('train')} {again} retry_failed=true    # also retries the failed jobs")
    return "\n".join(lines)


def _short(error: str) -> str:
    return error if len(error) <= 80 else error[:79] + "…"
