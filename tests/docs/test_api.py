"""The API reference: every public name is listed, and has an entry."""

import pytest

from src import PUBLIC
from tests.docs.pages import DOCS


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_listed_and_described(name):
    pages = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md")}
    assert f"`{name}`" in pages["index.md"]
    assert any(line.endswith(f":: dms_ntm.{name}") for text in pages.values() for line in text.splitlines())
