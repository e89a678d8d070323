"""The same blocks as Markdown and as HTML."""

import re
from html.parser import HTMLParser

import pytest

from src.report.page import Bullets, Code, Heading, Paragraph, Picture, markdown, page
from src.report.tables import Table


@pytest.fixture
def blocks(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "loss.png").write_bytes(b"\x89PNG")
    return [
        Heading(1, "A <b> & c"),
        Paragraph("Of `a<b` and more."),
        Bullets(["one", "`two`"]),
        Code("python -m a\npython -m b"),
        Table("Models", ["model", "mean"], [["a|b", "1 < 2"], ["c", "3"]], "Of {{TITLE}}."),
        Table("More", ["x"], [["y"]], folded=True),
        Picture(tmp_path / "figures", "loss", "The loss."),
    ]


def test_markdown(blocks):
    assert markdown(blocks) == (
        "# A <b> & c\n\nOf `a<b` and more.\n\n- one\n- `two`\n\n    python -m a\n    python -m b\n\n"
        "**Models**\n\n| model | mean |\n| --- | ---: |\n| a\\|b | 1 < 2 |\n| c | 3 |\n\nOf {{TITLE}}.\n\n"
        "**More**\n\n| x |\n| --- |\n| y |\n\n"
        "![The loss.](figures/loss.png)\n\nThe loss. Data: [loss.csv](figures/loss.csv)\n"
    )


class Reader(HTMLParser):
    """Texts by tag, and every address that the page asks for."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.sources, self.open = [], {}, [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def test_the_page_is_whole_and_needs_nothing_but_itself(blocks):
    reader = Reader()
    text = page(blocks, "A <b>")
    reader.feed(text)
    assert not reader.open
    assert reader.texts["title"] == ["A <b>"]
    assert reader.texts["h1"] == ["A <b> & c"]
    assert reader.texts["code"] == ["a<b", "two"]
    assert reader.texts["td"] == ["a|b", "1 < 2", "c", "3", "y"]
    assert reader.texts["summary"] == ["More"]
    assert "".join(reader.texts["pre"]) == "python -m a\npython -m b"
    assert "Of {{TITLE}}." in reader.texts["p"]
    assert [source.split(",")[0] for source in reader.sources] == ["data:image/png;base64", "figures/loss.csv"]
    assert not re.search(r"https?://|<script|<link|url\(", text)
