"""What a report says, in which order: report.md and index.html, out of the files beside them."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.common.files import write_whole
from src.figures.png import pngs
from src.report import contrasts, drawings, rows, settings_drawing, summary
from src.report.gather import Problem
from src.report.kinds import Kind
from src.report.page import Block, Bullets, Code, Heading, Paragraph, Picture, markdown, page
from src.report.request import options
from src.report.rows import Row
from src.report.tables import Options

#: Dots per inch of PNG files.
DPI = 130
#: Files that figures are drawn from, and that are not made of runs.csv: one of all tables, two a table.
CURVES, ANSWERS, HEADS = "loss_comparison", "target_output", "addressing_examples"
METHOD = (
    "A run that diverged counts everywhere, as unsolved and with the worst value that its metric can take. "
    "Checkpoints were chosen on validation. A run is tested at its end, and once more where it was evaluated. "
    "The statistics are in `src/report/statistics.py`."
)


class About(NamedTuple):
    """What the other files of a report do not say: report.json.

    Attributes:
        settings: of the pages.
        commands: that made the runs.
        kinds: of the tables, by their names.
        problems: folders that were not counted, or with a remark.
    """

    settings: dict[str, Any]
    commands: list[str]
    kinds: dict[str, Kind]
    problems: list[Problem]

    def as_json(self) -> dict[str, Any]:
        """As plain lists and dictionaries."""
        kinds = {name: kind.as_json() for name, kind in self.kinds.items()}
        problems = [problem._asdict() for problem in self.problems]
        return {**self._asdict(), "kinds": kinds, "problems": problems}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "About":
        """The opposite of `as_json`."""
        kinds = {name: Kind.from_json(kind) for name, kind in content["kinds"].items()}
        problems = [Problem(**problem) for problem in content["problems"]]
        return cls(content["settings"], content["commands"], kinds, problems)


def suffixes(tables: Iterable[str]) -> dict[str, str]:
    """What the files of each table end in; nothing where there is but one."""
    names = list(tables)
    return {name: "" if len(names) == 1 else f"_{number}" for number, name in enumerate(names, 1)}


def write(folder: Path, home: Path, about: About) -> None:
    """Draw the figures and write the pages.

    Args:
        folder: of runs.csv and the records, and of what is written.
        home: where the folder is going to be.
        about: see there.
    """
    counted = [row for row in rows.read(folder / "runs.csv") if row["counted"] == "yes"]
    labels = list(dict.fromkeys(row["row"] for row in counted))
    asked = options(about.settings, labels)
    title = about.settings["title"] or " and ".join(dict.fromkeys(row["task"] for row in counted)) + ": report"
    blocks: list[Block] = [Heading(1, title), *_lead(counted, about), *_problems(about.problems)]
    for name, suffix in suffixes(about.kinds).items():
        its = [row for row in counted if row["table"] == name]
        blocks += _table(folder, its, about.kinds[name], suffix, asked, about.settings["cmap"])
    losses = drawings.draw_losses(_records(folder / "figures" / f"{CURVES}.csv"), about.kinds.values(), labels)
    picture = _save(losses, folder)
    if picture is not None:
        blocks += [Heading(2, "While training"), picture]
    blocks.append(Heading(2, "Every run"))
    for name, kind in about.kinds.items():
        blocks.append(
            summary.runs_table([row for row in counted if row["table"] == name], kind)._replace(title=name)
        )
    if (folder / "tuning.csv").exists():
        blocks.append(Paragraph("The runs that settings were chosen with, with seeds of their own: `tuning.csv`."))
    blocks += [Heading(2, "How this was made"), Paragraph(METHOD)]
    if about.commands:
        blocks.append(Code("\n".join(about.commands)))
    blocks += [Bullets(_versions(counted)), Paragraph("Drawn anew from its own files, without training, by")]
    blocks.append(Code(f"python -m src.report runs={home / 'runs.csv'}"))
    write_whole(folder / "report.md", markdown(blocks))
    write_whole(folder / "index.html", page(blocks, title))


def _lead(counted: Sequence[Row], about: About) -> list[Block]:
    """How much there is, and how it is sorted."""
    rows_of = {(row["table"], row["row"]) for row in counted}
    diverged = sum(row["status"] == "diverged" for row in counted)
    told = [f"{len(counted)} runs in {len(rows_of)} rows."]
    if diverged:
        told.append(f"Diverged, and counted as failures: {diverged}.")
    if len(about.kinds) > 1:
        told.append(
            f"Runs of different protocols or versions are kept apart, in {len(about.kinds)} tables: a metric of "
            "one does not compare with that of another."
        )
    versions = [len({_version(row) for row in counted if row["table"] == name}) for name in about.kinds]
    if max(versions) > 1:
        told.append(
            "Runs of several versions of the code or its packages are pooled; the end of the page has a list."
        )
    if slots := about.settings.get("memory_slots"):
        told.append(
            f"What has a memory is tested and shown with {slots} slots; tests with another number, that of "
            "training among them, have it in their names."
        )
    return [Paragraph(" ".join(told))]


def _problems(problems: Sequence[Problem]) -> list[Block]:
    blocks: list[Block] = []
    for counted, heading in ((False, "Not counted"), (True, "Counted, with a remark")):
        its = [f"`{problem.run}`: {problem.what}" for problem in problems if problem.counted == counted]
        blocks += [Heading(2, heading), Bullets(its)] if its else []
    return blocks


def _table(folder: Path, its: Sequence[Row], kind: Kind, suffix: str, asked: Options, cmap: str) -> list[Block]:
    """A table of the report with all that belongs to it."""
    seeds = sorted({int(row["seed"]) for row in its})
    order = list(dict.fromkeys(row["row"] for row in its))
    answers, heads = (_records(folder / "figures" / f"{name}{suffix}.csv") for name in (ANSWERS, HEADS))
    drawn = [
        settings_drawing.draw_settings(its, kind, f"settings{suffix}"),
        drawings.draw_answers(answers, its, kind, f"{ANSWERS}{suffix}", cmap, order),
        drawings.draw_seeds(its, kind, asked, f"seeds{suffix}", order),
        drawings.draw_survival(its, kind, f"survival{suffix}", order),
        *drawings.draw_grids(its, kind, f"grid{suffix}"),
        drawings.draw_heads(heads, f"{HEADS}{suffix}", cmap),
    ]
    saved = [picture for drawing in drawn if (picture := _save(drawing, folder)) is not None]
    tables = (
        contrasts.contrasts_table(its, kind, asked),
        summary.tests_table(its, kind),
        summary.settings_table(its),
    )
    return [
        Heading(2, its[0]["table"]),
        Paragraph(f"Seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}. Protocol: {kind.told}."),
        summary.main_table(its, kind, asked),
        *saved[:1],
        *(table for table in tables if table is not None),
        *saved[1:],
    ]


def _save(drawing: drawings.Drawing | None, folder: Path) -> Picture | None:
    """The block of a drawing, in files now; None for one that cannot be drawn."""
    content = pngs({drawing.name: drawing.figure}, DPI) if drawing is not None else {}
    if drawing is None or not content:
        return None
    figures = folder / "figures"
    write_whole(figures / f"{drawing.name}.png", content[drawing.name])
    if not drawing.name.startswith((CURVES, ANSWERS, HEADS)):
        write_whole(figures / f"{drawing.name}.csv", rows.table_text(drawing.columns, drawing.data))
    return Picture(figures, drawing.name, drawing.caption)


def _records(path: Path) -> list[Row]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _version(row: Row) -> str:
    return f"code {row['git_revision'] or 'unknown'}; {row['versions']}"


def _versions(counted: Sequence[Row]) -> list[str]:
    """Versions of the code and its packages, with the number of runs of each."""
    told = [_version(row) for row in counted]
    later = [row.get("evaluation_revision") for row in counted]
    told += [f"evaluated later, by code {revision}" for revision in later if revision]
    return [f"{count} run{'s' * (count > 1)}: {one}" for one, count in Counter(told).items()]
