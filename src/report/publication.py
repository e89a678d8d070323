"""A report on disk: gathered from run folders once, drawn from its own files as often as wanted."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

from src import runs
from src.build import ConfigError
from src.files import whole, write_whole
from src.report import drawings, gather, records, rows, summary
from src.report.gather import Entry, Problem
from src.report.page import Block, Bullets, Code, Heading, Paragraph, Picture, markdown, page
from src.report.protocols import place
from src.report.request import Request
from src.report.rows import Row
from src.report.summary import Options

#: Dots per inch of PNG files.
DPI = 130
#: Files that figures are drawn from, and that are not made of runs.csv: one of all tables, two a table.
CURVES, ANSWERS, HEADS = "loss_comparison", "target_output", "addressing_examples"
METHOD = (
    "Intervals are of 95 %. A run that diverged counts everywhere, as unsolved and with the worst value that its "
    "metric can take. Checkpoints were chosen on validation; tests were touched once a run. The statistics are in "
    "`src/statistics.py`."
)


class Found(NamedTuple):
    """What was found in the folders."""

    entries: list[Entry]
    problems: list[Problem]
    commands: list[str]


class About(NamedTuple):
    """What the files of a report do not say: report.json.

    Attributes:
        settings: those that it was made with.
        commands: that made the runs.
        tables: what each table holds, by its name.
        problems: folders that were not counted, or with a remark.
    """

    settings: dict[str, Any]
    commands: list[str]
    tables: dict[str, str]
    problems: list[Problem]


def begin(request: Request) -> Found:
    """Read all run folders; nothing is written.

    Raises:
        ConfigError: a folder that is not there or holds no run, or no run that can be counted.
    """
    folders = gather.find(request.folders)
    names = gather.names(folders)
    entries, problems = gather.split(
        gather.read(folder, name) for folder, name in zip(folders, names, strict=True)
    )
    if not entries:
        told = "; ".join(f"{problem.run}: {problem.what}" for problem in problems[:5])
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ConfigError(f"runs={request.folders!r}: no run that can be counted: {told}{more}")
    return Found(entries, problems, commands(folders))


def commands(folders: Sequence[Path]) -> list[str]:
    """The command lines of the sweeps that run folders are of."""
    found = []
    for sweep in dict.fromkeys(folder.parent / "sweep.json" for folder in folders):
        try:
            overrides = json.loads(sweep.read_text())["overrides"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        kept = [
            str(one)
            for one in overrides
            if not str(one).startswith(("hydra.sweep.dir", "hydra/launcher", "hydra.launcher"))
        ]
        found.append(" ".join(["python -m src.train -m", *kept]))
    return found


def make(request: Request, found: Found) -> list[Problem]:
    """Write a report; returns what was not counted, or with a remark."""
    placed, twice, tables = place(found.entries, request.pool_versions)
    problems = [*found.problems, *twice]
    told = rows.text([*map(rows.of_run, placed), *map(rows.of_problem, problems)])
    request.out.mkdir(parents=True, exist_ok=True)
    figures = request.out / "figures"
    figures.mkdir(exist_ok=True)
    write_whole(request.out / "runs.csv", told)
    counted = [row for row in rows.read(request.out / "runs.csv") if row["counted"] == "yes"]
    problems += [Problem(row["run"], row["note"], counted=True) for row in counted if row["note"]]
    _keep(figures / f"{CURVES}.csv", records.curves(placed))
    for table, suffix in suffixes(tables).items():
        its = [(one, row) for one, row in zip(placed, counted, strict=True) if one.group == table]
        shown, without = records.show(its if request.pictures else [], request.options.reference)
        _keep(figures / f"{ANSWERS}{suffix}.csv", shown.answers)
        _keep(figures / f"{HEADS}{suffix}.csv", shown.heads)
        problems += without
    made_by = [request.command] if request.command else found.commands
    about = {
        "settings": request.given,
        "commands": made_by,
        "tables": tables,
        "problems": [problem._asdict() for problem in problems],
    }
    runs.write_json(request.out / "report.json", about)
    write_pages(request.out, About(request.given, made_by, tables, problems), request.options, request.cmap)
    return problems


def suffixes(tables: Iterable[str]) -> dict[str, str]:
    """What the files of each table end in; nothing where there is but one."""
    names = list(tables)
    return {name: "" if len(names) == 1 else f"_{number}" for number, name in enumerate(names, 1)}


def _keep(path: Path, content: Sequence[records.Record]) -> None:
    """Write a record; one of before gives way, also where there is none now."""
    if content:
        write_whole(path, rows.table_text(list(dict.fromkeys(key for row in content for key in row)), content))
    else:
        path.unlink(missing_ok=True)


def rebuild(request: Request) -> list[Problem]:
    """Draw a report anew from its own files.

    Raises:
        ConfigError: a file that is not there, or damaged.
    """
    try:
        content = json.loads((request.out / "report.json").read_text())
        its = About(
            content["settings"],
            content["commands"],
            content["tables"],
            [Problem(**problem) for problem in content["problems"]],
        )
        settings = its.settings
        published = settings["published"]
        options = Options(
            settings["against"],
            tuple(settings["reference"]),
            settings["margin"],
            published["values"] or {},
            published["name"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"runs={str(request.rows)!r}: report.json beside it cannot be read ({error}); "
            "must be that of src.report"
        ) from error
    write_pages(request.out, its, options, settings["cmap"])
    return its.problems


def write_pages(out: Path, about: About, options: Options, cmap: str) -> None:
    """Draw the figures and write report.md and index.html, all from the files in `out`."""
    counted = [row for row in rows.read(out / "runs.csv") if row["counted"] == "yes"]
    title = about.settings["title"] or " and ".join(dict.fromkeys(row["task"] for row in counted)) + ": report"
    blocks: list[Block] = [Heading(1, title), Paragraph(_lead(counted))]
    blocks += _problems(about.problems)
    if len(about.tables) > 1:
        blocks.append(
            Paragraph(
                f"Runs of different protocols or versions are kept apart, in {len(about.tables)} tables: metrics "
                "of one do not compare with those of another."
            )
        )
    order = list(dict.fromkeys(row["row"] for row in counted))
    losses = drawings.draw_losses(_records(out / "figures" / f"{CURVES}.csv"), order)
    after = [losses] if losses is not None else []
    for name, suffix in suffixes(about.tables).items():
        its = [row for row in counted if row["table"] == name]
        if its:
            blocks += _table_blocks(out, its, about.tables[name], suffix, options, cmap, order)
    for drawing in after:
        blocks += [Heading(2, "While training"), _save(drawing, out)]
    blocks += [Heading(2, "Every run"), *(summary.runs_table([r for r in counted if r["table"] == name])
                                         ._replace(title=name) for name in about.tables)]  # fmt: skip
    blocks += [Heading(2, "How this was made"), Paragraph(METHOD)]
    blocks += [Code("\n".join(about.commands))] if about.commands else []
    blocks.append(Bullets(_versions(counted)))
    blocks.append(Paragraph("Drawn anew from its own files, without training, by"))
    blocks.append(Code(f"python -m src.report runs={out / 'runs.csv'}"))
    write_whole(out / "report.md", markdown(blocks))
    write_whole(out / "index.html", page(blocks, title))


def _table_blocks(
    out: Path,
    its: Sequence[Row],
    told: str,
    suffix: str,
    options: Options,
    cmap: str,
    order: Sequence[str],
) -> list[Block]:
    """A table of the report with all that belongs to it."""
    name = its[0]["table"]
    seeds = sorted({int(row["seed"]) for row in its})
    blocks: list[Block] = [Heading(2, name)]
    blocks.append(Paragraph(f"Seeds {', '.join(map(str, seeds))}. Protocol: {told}."))
    blocks.append(summary.main_table(its, options))
    answers, heads = (_records(out / "figures" / f"{kind}{suffix}.csv") for kind in (ANSWERS, HEADS))
    pictures = [
        drawings.draw_answers(answers, its, f"target_output{suffix}", cmap, order),
        drawings.draw_seeds(its, options, f"seeds{suffix}", order),
        drawings.draw_survival(its, f"survival{suffix}", order),
        drawings.draw_settings(its, f"settings{suffix}"),
        *drawings.draw_grids(its, f"grid{suffix}", drawings.trained_span(told)),
        drawings.draw_heads(heads, f"addressing_examples{suffix}", cmap),
    ]
    saved = [_save(drawing, out) for drawing in pictures if drawing is not None]
    tables = (summary.contrasts_table(its, options), summary.tests_table(its), summary.settings_table(its))
    return [*blocks, *saved[:1], *(table for table in tables if table is not None), *saved[1:]]


def _save(drawing: drawings.Drawing, out: Path) -> Picture:
    folder = out / "figures"
    with whole(folder / f"{drawing.name}.png") as partial, matplotlib.rc_context({"savefig.format": "png"}):
        # Without the version of matplotlib in it, the same data give the same file.
        drawing.figure.savefig(partial, dpi=DPI, format="png", metadata={"Software": None})
    if not drawing.name.startswith((CURVES, ANSWERS, HEADS)):
        write_whole(folder / f"{drawing.name}.csv", rows.table_text(drawing.columns, drawing.data))
    return Picture(folder, drawing.name, drawing.caption)


def _records(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _lead(counted: Sequence[Row]) -> str:
    models = dict.fromkeys(row["row"] for row in counted)
    diverged = sum(row["status"] == "diverged" for row in counted)
    ended = f"; {diverged} of them diverged, and count as failures" if diverged else ""
    return f"{len(counted)} runs of {len(models)} models or settings{ended}."


def _problems(problems: Sequence[Problem]) -> list[Block]:
    if not problems:
        return []
    out = [f"`{problem.run}`: {problem.what}" for problem in problems if not problem.counted]
    remarks = [f"`{problem.run}`: {problem.what}" for problem in problems if problem.counted]
    blocks: list[Block] = []
    if out:
        blocks += [Heading(2, "Not counted"), Bullets(out)]
    if remarks:
        blocks += [Heading(2, "Counted, with a remark"), Bullets(remarks)]
    return blocks


def _versions(counted: Sequence[Row]) -> list[str]:
    """Versions of the code and its packages, with the number of runs of each."""
    found: dict[str, int] = {}
    for row in counted:
        told = f"code {row['git_revision'] or 'unknown'}; {row['versions']}"
        found[told] = found.get(told, 0) + 1
    return [f"{count} runs: {told}" for told, count in found.items()]
