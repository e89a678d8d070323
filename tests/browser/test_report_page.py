"""The page of a report fits into a window and onto a telephone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import BEYOND, WIDTHS
from tests.report.conftest import fake  # noqa: F401
from tests.report.test_publication import report

pytestmark = pytest.mark.cold


@pytest.fixture
def path(fake: Callable[..., Path], tmp_path: Path) -> Path:  # noqa: F811
    """A report with long names of rows, a long command, and a table in the fold."""
    for seed in range(2):
        for slots in (64, 128):
            overrides = (f"model.memory_slots={slots}", f"optimizer.lr={slots / 1e7}", "model=ntm", f"seed={seed}")
            fake(f"ntm{slots}_{seed}", *overrides, errors=(0.0, 0.1, 0.2))
    command = f"command='python -m src.train -m {' '.join(['model.memory_slots=64'] * 9)}'"
    report(fake.top, tmp_path / "report", "pictures=false", command)
    return tmp_path / "report" / "index.html"


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits(path: Path, visit: Callable[[Path, int], Any], width: int) -> None:
    page = visit(path, width)
    for fold in page.locator("summary").all():
        fold.click()
    assert page.locator("img").count() > 2
    assert page.evaluate(BEYOND) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
