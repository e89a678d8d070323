"""The README and the pages of docs/, and the commands and files of code in them."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted((DOCS / "api").glob("*.md"))]
#: How a command begins.
COMMAND = re.compile(r"(?:python -m src\.|dms-ntm |make |torchrun |tensorboard )\S")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands(text):
    """The commands of a page: lines of indented blocks, and code within sentences and tables.

    >>> commands("    make slurm\\n    dms-ntm train \\\\\\n        seed=1\\n\\nand `make train ARGS=x`, `conf/`")
    ['make slurm', 'dms-ntm train seed=1', 'make train ARGS=x']
    """
    text = FENCE.sub("", text)
    blocks = re.sub(r"\\\n\s*", "", "\n".join(re.findall(r"^    (.*)$", text, re.MULTILINE)))
    lines = [part for line in blocks.splitlines() for part in re.split(r" && |; ", line.removeprefix("$ "))]
    inline = [
        " ".join(code.split())
        for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub("^    .*$", "", text, flags=re.M))
    ]
    return [one for one in [*lines, *inline] if COMMAND.match(one)]


def words(command):
    """The words of a command, with a run of the repository for `<run folder>` and the like.

    >>> words("python -m src.train -m ... resume=<sweep folder> 'a=[1,2]'")
    ['python', '-m', 'src.train', '-m', 'resume=outputs/published/runs/repeat_copy_dms_ntm', 'a=[1,2]']
    """
    filled = command.replace("<name>/<model>", "repeat_copy_figure/ntm").replace(" ...", "")
    return shlex.split(re.sub(r"<[^>]+>", "outputs/published/runs/repeat_copy_dms_ntm", filled))


def files(page):
    """The files of code in a page, whose first line is a comment with their path."""
    found = [body.partition("\n") for _, body in FENCE.findall(page.read_text(encoding="utf-8"))]
    return {
        first.removeprefix("# "): body for first, _, body in found if re.fullmatch(r"# [\w/]+\.(py|yaml)", first)
    }


def programs(page):
    """The pieces of Python in a page that are no files."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for language, body in found if language == "python" and not re.match(r"# \w+\.py\n", body)]
