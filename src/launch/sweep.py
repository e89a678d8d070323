"""The folder of a sweep: which jobs it has, how each stands, and how long the rest will take."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.common.files import write_json
from src.common.text import columns, duration
from src.lit import objectives
from src.run.ending import Ending
from src.run.folder import RunFolder, UnreadableError
from src.settings.cli import Job, argument
from src.settings.errors import ConfigError

#: How a job can stand, in the order in which they are told. `waiting` has nothing yet, `half-done` was killed.
STANDINGS = ("finished", "diverged", "failed", "stopped", "half-done", "running", "waiting")
#: Those that a restart leaves as they are; a diverged run would diverge again.
DONE = ("finished", "diverged")


class Standing(NamedTuple):
    """How one job of a sweep stands."""

    folder: Path
    standing: str  # one of STANDINGS
    metrics: dict[str, Any]  # metrics.json, {} where there is none
    seconds: float | None  # from its beginning to its end, or till now
    ending: Ending | None  # None where it has not ended


def begin(folder: Path, overrides: Sequence[str], jobs: Sequence[Job]) -> None:
    """Write down what a sweep consists of, so that it can be begun again.

    Raises:
        ConfigError: the folder holds a sweep or a run already, or two of the jobs would write to one folder.
    """
    if (folder / "sweep.json").exists():
        raise ConfigError(
            f"hydra.sweep.dir={str(folder)!r}: holds a sweep already; must be a new folder, "
            f"or {argument('resume', folder)} to go on with it"
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
    """What `begin` wrote down.

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
            f"resume={str(folder)!r}: sweep.json is damaged ({error}); must be one of src.train"
        ) from error


def standing(folder: Path) -> Standing:
    """How the job stands that writes to `folder`."""
    run = RunFolder(folder)
    try:
        metrics = run.read_metrics()
    except UnreadableError:
        metrics = {}
    ending = Ending.read(metrics)
    begun = run.config_file.stat().st_mtime if run.holds_run() else None
    # Whoever holds a run that is done changes nothing any more; locks are dear on a cluster.
    if (ending is None or ending.status not in DONE) and run.is_held():
        return Standing(folder, "running", {}, _between(begun, time.time()), None)
    if ending is not None:
        took = _between(begun, run.metrics_file.stat().st_mtime)
        return Standing(folder, ending.status, metrics, took, ending)
    return Standing(folder, "waiting" if begun is None else "half-done", {}, None, None)


def _between(begun: float | None, ended: float) -> float | None:
    """Seconds from one time to another; None where a clock that was set back, or a copied file, makes no sense."""
    return None if begun is None or ended < begun else ended - begun


def standings(folder: Path) -> list[Standing]:
    """How each job of a sweep stands, in their order."""
    return [standing(folder / job["folder"]) for job in read(folder)["jobs"]]


def progress(jobs: Sequence[Standing]) -> str:
    """How far a sweep has come, in one line.

    The time left supposes that jobs take as long as those that have ended did on average, as many at once
    as are running now.
    """
    count = Counter(job.standing for job in jobs)
    ended = sum(count[one] for one in DONE)
    parts = [f"{ended} of {len(jobs)} done"]
    parts += [f"{count[one]} {one}" for one in STANDINGS if count[one] and one not in ("finished", "waiting")]
    took = [job.seconds for job in jobs if job.standing in DONE and job.seconds is not None]
    running = [job for job in jobs if job.standing == "running"]
    todo = count["waiting"] + count["half-done"] + count["stopped"]
    if took and (todo or running):
        mean = sum(took) / len(took)
        left = todo * mean + sum(max(0.0, mean - (job.seconds or 0.0)) for job in running)
        parts.append(f"about {duration(left / max(1, len(running)))} left")
    return ", ".join(parts)


def summary(folder: Path) -> str:
    """A table with a row a job, and what to do about those that are not done."""
    jobs = standings(folder)
    rows = []
    for job in jobs:
        validation = job.metrics.get("validation") or {}
        objective = objectives.recognised(validation)
        judged = None if objective is None else objective.headline
        solved = job.metrics.get("sequences_to_solve")
        rows.append(
            {
                "job": job.folder.name,
                "status": job.standing,
                "updates": f"{job.metrics['updates']:,}" if "updates" in job.metrics else "",
                "validation": "" if judged not in validation else f"{judged} {validation[judged]:.4g}",
                "solved after": "" if solved is None else f"{solved:,}",
                "took": "" if job.seconds is None else duration(job.seconds),
                "error": _short(job.metrics.get("error") or ""),
            }
        )
    lines = [columns(rows), "", f"{progress(jobs)}: {folder}"]
    count, again = Counter(job.standing for job in jobs), argument("resume", folder)
    if any(count[one] for one in ("waiting", "half-done", "stopped")):
        lines.append(f"python -m src.train {again}    # goes on")
    if count["failed"]:
        lines.append(f"python -m src.train {again} retry_failed=true    # tries the failed ones again, too")
    return "\n".join(lines)


def _short(error: str) -> str:
    return error if len(error) <= 80 else error[:79] + "…"
