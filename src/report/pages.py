"""Contents of report.md and index.html, made from the other files of a report."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..common.files import write_whole
from ..common.paths import program
from ..figures.png import pngs
from . import cell_drawings, contrasts, drawings, range_drawing, rows, settings_drawing, summary
from .gather import Problem
from .kinds import TableKind
from .overview import by_model_table, overview_table
from .page import Block, Bullets, Code, Heading, Paragraph, Picture, markdown, page
from .palette import with_palette
from .request import options
from .rows import RunRow
from .tables import TableOptions

#: Dots per inch of PNG files.
DPI = 130
#: Records that figures are drawn from besides runs.csv: one for all tables, two for each table.
CURVES, ANSWERS, HEADS = "loss_comparison", "target_output", "addressing_examples"
METHOD = (
    "A run that diverged counts everywhere, as unsolved and with the worst value that its metric can take. "
    "Checkpoints were chosen on validation. A run is tested at its end, and once more where it was evaluated. "
    "The statistics are in `src/report/statistics.py`."
)


class ReportInfo(NamedTuple):
    """Content of report.json.

    Attributes:
        settings: settings of the pages.
        commands: command lines that made the runs.
        kinds: kinds of the tables by table name.
        problems: folders that were not counted, or counted with a remark.
    """

    settings: dict[str, Any]
    commands: list[str]
    kinds: dict[str, TableKind]
    problems: list[Problem]

    def as_json(self) -> dict[str, Any]:
        """As plain lists and dictionaries."""
        kinds = {name: kind.as_json() for name, kind in self.kinds.items()}
        problems = [problem._asdict() for problem in self.problems]
        return {**self._asdict(), "kinds": kinds, "problems": problems}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "ReportInfo":
        """The inverse of `as_json`."""
        kinds = {name: TableKind.from_json(kind) for name, kind in content["kinds"].items()}
        problems = [Problem(**problem) for problem in content["problems"]]
        return cls(content["settings"], content["commands"], kinds, problems)


def suffixes(tables: Iterable[str]) -> dict[str, str]:
    """Suffix of the file names of each table; empty if there is only one table."""
    names = list(tables)
    return {name: "" if len(names) == 1 else f"_{number}" for number, name in enumerate(names, 1)}


def write(folder: Path, home: Path, about: ReportInfo) -> None:
    """Draw the figures and write the pages.

    Args:
        folder: contains runs.csv and the records; figures and pages are written here.
        home: final path of the folder, for the command line on the page.
        about: content of report.json.
    """
    counted = [row for row in rows.read(folder / "runs.csv") if row["counted"] == "yes"]
    labels = list(dict.fromkeys(row["row"] for row in counted))
    asked = options(about.settings, labels)
    title = about.settings["title"] or " and ".join(dict.fromkeys(row["task"] for row in counted)) + ": report"
    blocks: list[Block] = [Heading(1, title), *_lead(counted, about), *_problems(about.problems)]
    overviews = by_model_table(counted, about.kinds), overview_table(counted, about.kinds)
    blocks += [table for table in overviews if table is not None]
    for drawing in range_drawing.draw_ranges(counted, about.kinds, labels):
        if (picture := _save(drawing, folder)) is not None:
            blocks.append(picture)
    for name, suffix in suffixes(about.kinds).items():
        group = [row for row in counted if row["table"] == name]
        blocks += _table(folder, group, about.kinds[name], suffix, asked, about.settings["cmap"], labels)
    losses = drawings.draw_losses(_records(folder / "figures" / f"{CURVES}.csv"), about.kinds, labels)
    picture = _save(losses, folder)
    if picture is not None:
        blocks += [Heading(2, "While training"), picture]
    blocks.append(Heading(2, "Every run"))
    for name, kind in about.kinds.items():
        blocks.append(
            summary.runs_table([row for row in counted if row["table"] == name], kind)._replace(title=name)
        )
    if (folder / "tuning.csv").exists():
        blocks.append(Paragraph("The runs by which settings were chosen, with other seeds: `tuning.csv`."))
    blocks += [Heading(2, "How this was made"), Paragraph(METHOD)]
    if about.commands:
        blocks.append(Code("\n".join(about.commands)))
    blocks += [Bullets(_versions(counted)), Paragraph("Drawn anew from its own files, without training, by")]
    blocks.append(Code(f"{program('report')} runs={home / 'runs.csv'}"))
    write_whole(folder / "report.md", markdown(blocks))
    write_whole(folder / "index.html", page(blocks, title))


def _lead(counted: Sequence[RunRow], about: ReportInfo) -> list[Block]:
    """Introduction: numbers of runs, tables and versions."""
    rows_of = {(row["table"], row["row"]) for row in counted}
    diverged = sum(row["status"] == "diverged" for row in counted)
    sentences = [f"{len(counted)} runs in {len(rows_of)} rows."]
    if diverged:
        sentences.append(f"Diverged, and counted as failures: {diverged}.")
    if len(about.kinds) > 1:
        sentences.append(
            f"Runs of different protocols or versions are kept apart, in {len(about.kinds)} tables: a metric of "
            "one does not compare with that of another."
        )
    versions = [len({_version(row) for row in counted if row["table"] == name}) for name in about.kinds]
    if max(versions) > 1:
        sentences.append(
            "Runs of several versions of the code or its packages are pooled; the end of the page has a list."
        )
    if slots := about.settings.get("memory_slots"):
        sentences.append(
            f"Models with a memory are tested and shown with {slots} slots. A test with another number of slots "
            "has it in its name."
        )
    return [Paragraph(" ".join(sentences))]


def _problems(problems: Sequence[Problem]) -> list[Block]:
    blocks: list[Block] = []
    for counted, heading in ((False, "Not counted"), (True, "Counted, with a remark")):
        items = [f"`{problem.run}`: {problem.what}" for problem in problems if problem.counted == counted]
        blocks += [Heading(2, heading), Bullets(items)] if items else []
    return blocks


def _table(
    folder: Path,
    group: Sequence[RunRow],
    kind: TableKind,
    suffix: str,
    asked: TableOptions,
    cmap: str,
    labels: Sequence[str],
) -> list[Block]:
    """Section of one table, with figures and further tables; `labels` are those of all tables."""
    seeds = sorted({int(row["seed"]) for row in group})
    answers, heads = (_records(folder / "figures" / f"{name}{suffix}.csv") for name in (ANSWERS, HEADS))
    drawn = [
        settings_drawing.draw_settings(group, kind, f"settings{suffix}"),
        drawings.draw_answers(answers, group, kind, f"{ANSWERS}{suffix}", cmap, labels),
        drawings.draw_seeds(group, kind, asked, f"seeds{suffix}", labels),
        drawings.draw_survival(group, kind, f"survival{suffix}", labels),
        *(
            drawing
            for name, one in ({"": kind} | kind.along_further_axes()).items()
            for drawing in cell_drawings.draw_cells(group, one, f"grid{suffix}{name}", labels)
        ),
        drawings.draw_heads(heads, kind, f"{HEADS}{suffix}", cmap),
    ]
    saved = [picture for drawing in drawn if (picture := _save(drawing, folder)) is not None]
    tables = (
        contrasts.contrasts_table(group, kind, asked),
        summary.tests_table(group, kind),
        summary.settings_table(group),
    )
    return [
        Heading(2, group[0]["table"]),
        Paragraph(f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}. Protocol: {kind.protocol}."),
        summary.main_table(group, kind, asked),
        *saved[:1],
        *(table for table in tables if table is not None),
        *saved[1:],
    ]


def _save(drawing: drawings.Drawing | None, folder: Path) -> Picture | None:
    """Save a drawing and its data, and return its block; None if it cannot be drawn.

    The name of a task, which a run folder may have from anywhere, becomes part of a path and of a page only with
    harmless characters.
    """
    if drawing is not None:
        drawing = drawing._replace(name=re.sub(r"[^A-Za-z0-9_.-]", "-", drawing.name))
    content = pngs({drawing.name: drawing.figure}, DPI) if drawing is not None else {}
    if drawing is None or not content:
        return None
    figures = folder / "figures"
    write_whole(figures / f"{drawing.name}.png", with_palette(content[drawing.name]))
    if not drawing.name.startswith((CURVES, ANSWERS, HEADS)):
        write_whole(figures / f"{drawing.name}.csv", rows.table_text(drawing.columns, drawing.data))
    return Picture(figures, drawing.name, drawing.caption)


def _records(path: Path) -> list[RunRow]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _version(row: RunRow) -> str:
    return f"code {row['git_revision'] or 'unknown'}; {row['versions']}"


def _versions(counted: Sequence[RunRow]) -> list[str]:
    """Versions of the code and packages, with the number of runs of each."""
    versions = [_version(row) for row in counted]
    later = [row.get("evaluation_revision") for row in counted]
    versions += [f"evaluated later, by code {revision}" for revision in later if revision]
    return [f"{count} run{'s' * (count > 1)}: {one}" for one, count in Counter(versions).items()]
