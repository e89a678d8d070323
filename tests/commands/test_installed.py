"""The package as it is installed: a wheel in a new virtual environment, beside a `src` of the user's own."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

import src
from src.run import provenance
from tests.helpers import small

ROOT = Path(__file__).resolve().parents[2]
#: Runs command lines of the program one after the other in one process, and prints their exit codes.
PROGRAM = """
import json, sys
import dms_ntm
from dms_ntm.__main__ import main

codes, (lines, published) = [], sys.argv[1:]
for line in json.loads(lines):
    sys.argv = ["dms-ntm", *line]
    try:
        main()
        codes.append(0)
    except SystemExit as end:
        codes.append(end.code or 0)
import src
assert src.MINE, "src is not the user's own"
run = dms_ntm.load_run("runs/gru")
old = dms_ntm.load_run(published)
kinds = [type(one.model).__module__ for one in (run, old)]
print(json.dumps([codes, dms_ntm.__version__, kinds]))
"""
#: A model of the user's own, in a package `src`.
MODEL = """
import dms_ntm

class Mine(dms_ntm.GRU):
    pass
"""


def state():
    """What git does not know in the checkout."""
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(status, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def copy_of_checkout(folder):
    """The files that a wheel is made of, so that setuptools leaves its own elsewhere."""
    for name in ("src", "conf"):
        for path in (ROOT / name).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                new = folder / path.relative_to(ROOT)
                new.parent.mkdir(parents=True, exist_ok=True)
                new.write_bytes(path.read_bytes())
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((ROOT / name).read_bytes())


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with the wheel alone; the dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("installed")
    copy_of_checkout(folder / "checkout")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, folder / "checkout"]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("dms_ntm-*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    return folder / "venv" / "bin"


def test_a_wheel_trains_sweeps_evaluates_and_reports(environment, tmp_path, monkeypatch):
    """A cold process, since the package is another one; all commands run in it, so that it imports once."""
    before = state()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "__init__.py").write_text("MINE = True\n")
    (tmp_path / "src" / "mine.py").write_text(MODEL)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = "+model._target_=src.mine.Mine"
    lines = [
        ["train", *small("hydra.run.dir=runs/gru", model="gru")],
        ["train", "-m", *small("hydra.sweep.dir=sweep", "seed=0,1", model="gru"), own[1:]],
        ["evaluate", "run=runs/gru", "test_cells=[[3,1]]"],
        ["report", "runs=[runs,sweep]", "out=report"],
        ["train", "resume=nowhere"],
    ]
    published = ROOT / "outputs" / "published" / "runs" / "repeat_copy_lstm"
    done = subprocess.run(
        [environment / "python", "-c", PROGRAM, json.dumps(lines), published],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    codes, version, kinds = json.loads(done.stdout.splitlines()[-1])
    assert (codes, version) == ([0, 0, 0, 0, 2], src.__version__), done.stdout + done.stderr
    assert kinds == ["dms_ntm.networks.recurrent"] * 2
    metrics = json.loads((tmp_path / "runs" / "gru" / "metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert metrics["git_revision"] == f"dms-ntm {version}"
    assert len(list((tmp_path / "sweep").glob("*/metrics.json"))) == 2
    assert (tmp_path / "runs" / "gru" / "evaluation.json").exists()
    assert "dms-ntm report runs=" in (tmp_path / "report" / "report.md").read_text()
    assert provenance.git_revision() != metrics["git_revision"]
    assert state() == before


def test_the_program_is_on_the_path(environment):
    done = subprocess.run([environment / "dms-ntm", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"dms-ntm {src.__version__}\n"
