"""Rendering of a report page from blocks, as Markdown and as self-contained HTML."""

import base64
import html
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from .tables import Table


class Heading(NamedTuple):
    """A heading of level 1, 2 or 3."""

    level: int
    text: str


class Paragraph(NamedTuple):
    """A paragraph; text in backquotes is code."""

    text: str


class Bullets(NamedTuple):
    """A bullet list."""

    items: Sequence[str]


class Code(NamedTuple):
    """A block of command lines."""

    text: str


class Picture(NamedTuple):
    """A figure in <folder>/<name>.png, with data in <name>.csv."""

    folder: Path
    name: str
    caption: str


Block = Heading | Paragraph | Bullets | Code | Picture | Table


def markdown(blocks: Sequence[Block]) -> str:
    """The page as Markdown; pictures are linked."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Code(text):
            return "\n".join(f"    {line}" for line in text.splitlines())
        case Picture(folder, name, caption):
            return (
                f"![{caption}]({folder.name}/{name}.png)\n\n{caption} Data: [{name}.csv]({folder.name}/{name}.csv)"
            )
        case Table(title, _, [], note, _):
            return f"**{title}**\n\n{note}"
        case Table(title, header, rows, note, _):
            lines = [header, ["---" if i == 0 else "---:" for i in range(len(header))], *rows]
            body = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
            return f"**{title}**\n\n{body}" + (f"\n\n{note}" if note else "")


def page(blocks: Sequence[Block], title: str) -> str:
    """The page as HTML; style and pictures are embedded."""
    parts = {
        "TITLE": html.escape(title),
        "STYLE": _part("page.css"),
        "BODY": "\n".join(_html(block) for block in blocks),
    }
    # A single pass, so that placeholders within inserted texts are not replaced.
    return re.sub(r"{{([A-Z]+)}}", lambda found: parts[found[1]], _part("page.html"))


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{_inline(text)}</p>"
        case Bullets(items):
            return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
        case Code(text):
            return f"<pre>{html.escape(text)}</pre>"
        case Picture(folder, name, caption):
            data = base64.b64encode((folder / f"{name}.png").read_bytes()).decode("ascii")
            link = f'<a href="{folder.name}/{name}.csv">{name}.csv</a>'
            return (
                f'<figure id="{name}"><img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
                f"<figcaption>{html.escape(caption)} Data: {link}</figcaption></figure>"
            )
        case Table(title, _, [], note, _):
            return f"<h3>{html.escape(title)}</h3><p>{html.escape(note)}</p>"
        case Table(title, header, rows, note, folded):
            head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
            )
            below = f"<p class=note>{html.escape(note)}</p>" if note else ""
            table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            content = f"<div class=wide>{table}</div>{below}"
            if folded:
                return f"<details><summary>{html.escape(title)}</summary>{content}</details>"
            return f"<h3>{html.escape(title)}</h3>{content}"


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
