"""The documentation site, where `make docs` has built it: its pages fit into a window and onto a telephone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import WIDTHS
from tests.docs.pages import DOCS

BUILT = DOCS / "_build" / "html"
PAGES = sorted(BUILT.glob("*.html"))

pytestmark = pytest.mark.skipif(not PAGES, reason="`make docs` has not been run")


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit(visit: Callable[[Path, int], Any], width: int) -> None:
    for path in PAGES:
        page = visit(path, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name
