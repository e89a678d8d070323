"""Links in the pages of the repository: the file exists, and has the heading."""

import re

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT

LINKED = [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]


def anchors(text):
    """The addresses of the headings of a page, as a forge makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.stem)
def test_links_of_a_page(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), link


def test_every_page_of_the_site_is_in_a_list_of_contents():
    listed = set()
    for page in (DOCS / "index.md", DOCS / "api" / "index.md"):
        for block in re.findall(r"```{toctree}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / name).relative_to(DOCS).as_posix() for name in names}
    pages = {page.relative_to(DOCS).with_suffix("").as_posix() for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - {"index"} <= listed


@pytest.mark.parametrize(
    ("group", "pages"), [("task", ("README", "tasks", "settings")), ("model", ("README", "settings", "models"))]
)
def test_every_model_and_task_is_listed(group, pages):
    for page in pages:
        text = next(one for one in PAGES if one.stem == page).read_text(encoding="utf-8")
        names = {path.stem for path in (ROOT / "conf" / group).glob("*.yaml")}
        assert names <= set(re.findall(r"`([a-z0-9_]+)`", text)), page


def test_the_readme_is_short_and_begins_with_the_picture():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert 8_000 <= len(text.encode()) <= 10_000
    (gif,) = re.findall(r"!\[.*?\]\((.*?\.gif)\)", text)
    assert (ROOT / gif).stat().st_size < 1_000_000
    assert text.index("make train") < text.index("make test") < text.index("## Results")
