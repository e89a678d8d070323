"""TensorBoard on a small sweep: its tabs open, and name the runs."""

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import train_small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in TensorBoard's own packages
RUNS = {f"{number}_repeat_copy_{model}_seed0": model for number, model in enumerate(("lstm", "dms_ntm"))}


@pytest.fixture(scope="module")
def address(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a TensorBoard that runs in a thread of this process."""
    from tensorboard import program

    sweep: Path = tmp_path_factory.mktemp("sweep")
    for name, model in RUNS.items():
        train_small(sweep / name, "logger=tensorboard", "trainer.max_steps=4", "validate_every=2", model=model)
    board = program.TensorBoard()
    board.configure(argv=["tensorboard", "--logdir", str(sweep), "--port", "0", "--load_fast", "false"])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    return str(board.launch())


TABS = {
    "timeseries": "validation",
    "custom_scalars": "generalisation",
    "images": "target_output",
    "hparams": "final/",
}


@pytest.mark.parametrize(("tab", "shown"), TABS.items())
def test_a_tab_shows_the_runs(address: str, browser: Any, tab: str, shown: str) -> None:
    errors: list[str] = []
    page = browser.new_page(viewport={"width": 1300, "height": 800})
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}#{tab}")
    page.get_by_text(shown).first.wait_for(timeout=30_000)
    for name in RUNS:
        page.get_by_text(name).first.wait_for(timeout=30_000)
    page.close()
    assert errors == []
