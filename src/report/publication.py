"""The folder of a report: made from run folders, and redrawn from its own files."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..common.files import whole_folder, write_json, write_whole
from ..common.paths import command, program
from ..settings.errors import ConfigError
from . import gather, pages, records, rows
from .gather import EndedRun, Problem
from .kinds import TableKind
from .pages import ANSWERS, CURVES, HEADS, ReportInfo, suffixes
from .protocols import PlacedRun, place, settings_of
from .request import ReportRequest, merged, options
from .rows import RunRow


class CollectedRuns(NamedTuple):
    """Runs read from run folders, grouped into tables and rows.

    Attributes:
        placed: runs that are counted.
        kinds: kind of each table by name.
        problems: folders that are not counted, or counted with a remark.
        commands: command lines of the sweeps.
    """

    placed: list[PlacedRun]
    kinds: dict[str, TableKind]
    problems: list[Problem]
    commands: list[str]


def collect(request: ReportRequest) -> CollectedRuns:
    """Read all run folders; nothing is written.

    Raises:
        ConfigError: a folder that does not exist or holds no run, no run that can be counted, or a setting that
            names an unknown row.
    """
    found = gather.find(request.folders)
    folders = list(found)
    entries, problems = gather.split(map(gather.read, folders, gather.names(folders), found.values()))
    if not entries:
        reasons = "; ".join(f"{problem.run}: {problem.what}" for problem in problems[:5])
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ConfigError(f"runs={request.folders!r}: no run that can be counted: {reasons}{more}")
    placed, duplicates, kinds = place(entries, request.pool_versions, request.rows_by)
    options(request.settings, (one.variant for one in placed))
    remarks = no_longer_solved(placed, kinds)
    remarks += [] if request.pool_versions else evaluated_by_other_version(entries)
    return CollectedRuns(placed, kinds, [*problems, *duplicates, *remarks], commands(folders))


def no_longer_solved(placed: Sequence[PlacedRun], kinds: Mapping[str, TableKind]) -> list[Problem]:
    """A remark on each run that had solved its task, and at its last validation has not."""
    found = []
    for one in placed:
        metric, history = kinds[one.group].of.solved_by, one.entry.history
        if metric is not None and one.entry.metrics.get("solved") and history:
            last = float(history[-1].get(metric) or "nan")
            if last > settings_of(one.entry)["solve_threshold"]:
                label = kinds[one.group].metric(metric).label
                what = f"solved, and no longer at its end ({label}: {last:.3g}); tested at its best checkpoint"
                found.append(Problem(one.entry.name, what, counted=True))
    return found


def evaluated_by_other_version(entries: Sequence[EndedRun]) -> list[Problem]:
    """A remark on each run that was evaluated by another version of the code than it was trained with."""
    return [
        Problem(entry.name, "evaluation.json is of another version of the code than the run", counted=True)
        for entry in entries
        if entry.evaluation and entry.evaluation.get("git_revision") != entry.metrics.get("git_revision")
    ]


def commands(folders: Sequence[Path]) -> list[str]:
    """The command lines of the sweeps that run folders belong to."""
    found = []
    ignored = ("hydra.sweep.dir", "hydra/launcher", "hydra.launcher", "hydra.searchpath")
    for sweep in dict.fromkeys(folder.parent / "sweep.json" for folder in folders):
        try:
            overrides = [str(one) for one in json.loads(sweep.read_text(encoding="utf-8"))["overrides"]]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        kept = [one for one in overrides if not one.startswith(ignored)]
        found.append(" ".join([f"{program('train')} -m", *kept]))
    return found


def make(request: ReportRequest, collected: CollectedRuns) -> list[Problem]:
    """Write a report atomically; returns runs that were not counted, or counted with a remark."""
    placed, kinds, problems, sweep_commands = collected
    with whole_folder(request.out) as folder:
        figures = folder / "figures"
        figures.mkdir()
        slots = request.memory_slots
        content = rows.text([*(rows.of_run(one, slots) for one in placed), *map(rows.of_problem, problems)])
        write_whole(folder / "runs.csv", content)
        counted = [row for row in rows.read(folder / "runs.csv") if row["counted"] == "yes"]
        problems = [*problems, *metric_remarks(counted, kinds)]
        _write_records(figures / f"{CURVES}.csv", records.curves(placed))
        for table, suffix in suffixes(kinds).items():
            runs = [(one, row) for one, row in zip(placed, counted, strict=True) if one.group == table]
            pictured = runs if request.pictures else []
            examples, not_shown = records.run_examples(
                pictured, kinds[table], request.settings["reference"], slots
            )
            _write_records(figures / f"{ANSWERS}{suffix}.csv", examples.answers)
            _write_records(figures / f"{HEADS}{suffix}.csv", examples.heads)
            problems += not_shown
        if request.tuning is not None:
            shutil.copy(request.tuning, folder / "tuning.csv")
        made_by = [request.settings["command"]] if request.settings["command"] else sweep_commands
        cmap = request.settings["cmap"] or placed[0].entry.config["figure"]["cmap"]
        settings = {**request.settings, "cmap": cmap, "memory_slots": slots}
        about = ReportInfo(settings, made_by, kinds, problems)
        write_json(folder / "report.json", about.as_json())
        pages.write(folder, request.out, about)
    return problems


def metric_remarks(counted: Sequence[RunRow], kinds: dict[str, TableKind]) -> list[Problem]:
    """Remarks on counted runs: metrics that are not a number, or missing."""
    found = [Problem(row["run"], row["note"], counted=True) for row in counted if row["note"]]
    for row in counted:
        asked = kinds[row["table"]].headlines
        missing = [f"{metric} of {test}" for test, metric in asked if rows.outcome(row, test, metric) is None]
        if missing:
            found.append(Problem(row["run"], f"has no {', '.join(missing)}", counted=True))
    return found


def _write_records(path: Path, content: Sequence[records.Record]) -> None:
    """Write records as CSV, if there are any."""
    if content:
        write_whole(path, rows.table_text(list(dict.fromkeys(key for row in content for key in row)), content))


def rebuild(request: ReportRequest) -> list[Problem]:
    """Redraw a report from its own files, atomically.

    Raises:
        ConfigError: a missing or damaged file.
    """
    where = f"runs={str(request.out / 'runs.csv')!r}"
    try:
        stored = ReportInfo.from_json(json.loads((request.out / "report.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{where}: report.json beside it cannot be read ({error}); must be that of {command('report')}"
        ) from error
    about = stored._replace(settings=merged(stored.settings, request.settings))
    if request.settings["command"]:
        about = about._replace(commands=[request.settings["command"]])
    tables = {row["table"] for row in rows.read(request.out / "runs.csv") if row["counted"] == "yes"}
    if not tables <= set(about.kinds):
        raise ConfigError(f"{where}: has tables that report.json beside it does not know")
    with whole_folder(request.out) as folder:
        shutil.copytree(request.out, folder, dirs_exist_ok=True)
        (folder / "figures").mkdir(exist_ok=True)  # if gone, drawn again as far as runs.csv has the data
        if request.tuning is not None:
            shutil.copy(request.tuning, folder / "tuning.csv")
        write_json(folder / "report.json", about.as_json())
        pages.write(folder, request.out, about)
    return about.problems
