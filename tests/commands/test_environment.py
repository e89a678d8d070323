"""Independence from the user's environment: matplotlib's settings and backend, and the encoding of the locale."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from src.report import publication
from tests.figures.hostile import LINES
from tests.helpers import small
from tests.report.test_publication import request

ROOT = Path(__file__).resolve().parents[2]
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def python(*arguments, **environment):
    """The output of a new process, as Python and matplotlib read these variables once, when they start."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("backend", "kept"), [("nonsense", None), ("module://nothere", "module://nothere"), ("svg", "svg"), ("", "")]
)
def test_an_unknown_backend_is_removed_and_any_other_kept(backend, kept):
    program = (
        "import os, src, matplotlib; print([os.environ.get('MPLBACKEND'), matplotlib.rcParams._get('backend')])"
    )
    found = python("-c", program, MPLBACKEND=backend)
    assert found.startswith(f"[{kept!r}, {repr(kept) if kept else '<object'}")


def test_without_a_backend_the_package_imports_next_to_nothing():
    program = "import sys; before = set(sys.modules); import src; print(sorted(set(sys.modules) - before))"
    assert python("-c", program, MPLBACKEND="") == "['dms_ntm', 'src', 'src.common', 'src.common.one_package']\n"


@pytest.mark.drawn
def test_a_run_and_its_report_do_not_depend_on_the_environment(tmp_path):
    """With LC_ALL=C, a folder name outside ASCII, a matplotlibrc that asks for LaTeX, and an unknown backend."""
    top = tmp_path / "Übung"
    top.mkdir()
    settings = tmp_path / "matplotlibrc"
    settings.write_text(LINES, encoding="utf-8")
    environment = {**ASCII, "MATPLOTLIBRC": str(settings), "MPLBACKEND": "nonsense"}
    run, out = top / "run", top / "report"
    line = small("logger=tensorboard", f"hydra.run.dir='{run}'", model="gru")
    python("-m", "src.train", *line, **environment)
    assert json.loads((run / "metrics.json").read_bytes())["status"] == "finished"
    assert len(list(run.glob("events.out.tfevents.*"))) >= 1
    log = (run / "train.log").read_text(encoding="utf-8")
    assert f"run folder {run}\n" in log
    assert "WARNING" not in log
    assert {path.stem for path in (run / "figures").iterdir()} == {"learning_curves", "target_output"}

    python("-m", "src.report", f"runs='{top}'", f"out='{out}'", **environment)
    assert str(out) in (out / "report.md").read_text(encoding="utf-8")
    files = [out / "report.md", out / "index.html", *sorted((out / "figures").iterdir())]
    before = [path.read_bytes() for path in files]
    assert sum(path.suffix == ".png" for path in files) >= 4
    publication.rebuild(request(f"runs='{out / 'runs.csv'}'"))  # in this process, with the usual environment
    assert [path.read_bytes() for path in files] == before
