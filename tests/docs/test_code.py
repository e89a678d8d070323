"""The code in the README and in docs/ runs, and the models and tasks written there train."""

import sys

import pytest

from src.run.load import load_run
from src.settings import cli, keys
from src.train import train
from tests.docs.pages import DOCS, PAGES, ROOT, files, programs

PROGRAMS = [(page.stem, i, program) for page in PAGES for i, program in enumerate(programs(page))]
#: Pages with files of code, and settings with which they train within a second.
OWN = {
    "your_own_cell": ("model=stack", "task=repeat_copy", "model.depth=5", "task.test_cells=[[3,4]]"),
    "your_own_task": ("model=gru", "task=latch", "model.hidden_size=8"),
}
SMALL = ("logger=none", "trainer.enable_progress_bar=false", "trainer.max_steps=2", "validate_every=1")


@pytest.mark.parametrize(("page", "number", "program"), PROGRAMS)
def test_python_in_a_page_runs(page, number, program, monkeypatch):
    monkeypatch.chdir(ROOT)
    exec(compile(program, f"{page} {number}", "exec"), {})


def test_pages_have_python():
    assert {"README", "python"} <= {page for page, _, _ in PROGRAMS}


@pytest.mark.parametrize("page", OWN)
def test_the_files_of_a_page_train_outside_of_the_project(page, tmp_path, monkeypatch):
    written = files(DOCS / f"{page}.md")
    assert {path.rsplit(".")[-1] for path in written} == {"py", "yaml"}
    for path, body in written.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(body, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src.train", "--config-dir", "conf", *OWN[page], *SMALL])
    (job,) = cli.composed("train", cli.read().overrides)
    outcome = train(keys.resolve(job.config), tmp_path / "run")
    assert outcome.metrics["status"] == "finished"
    run = load_run(str(tmp_path / "run"))
    run.task.setup()
    y, _ = run.model(run.task.validation[0].x)
    assert y.shape[2] == run.task.output_size
