"""The program dms-ntm, and what the package offers for import."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import src
from src import __main__ as program


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["dms-ntm", *words])
    program.main()


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(words, monkeypatch, capsys):
    call(monkeypatch, *words)
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()[2:-2]] == list(program.COMMANDS)


def test_each_command_is_a_module():
    top = Path(src.__file__).parent
    there = {path.stem for path in top.glob("*.py")} | {path.parent.name for path in top.glob("*/__main__.py")}
    assert set(program.COMMANDS) == there - {"__init__", "__main__"}


def test_the_version(monkeypatch, capsys):
    call(monkeypatch, "--version")
    assert capsys.readouterr().out == f"dms-ntm {src.__version__}\n"


def test_an_unknown_command_is_refused_in_one_line(monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        call(monkeypatch, "trian", "model=ntm")
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: trian: unknown command; must be one of train, evaluate, report, replay, search, study, publish, "
        "benchmark; did you mean 'train'?\n"
    )


def test_a_command_gets_its_arguments(monkeypatch):
    asked = []
    monkeypatch.setattr(program.runpy, "run_module", lambda name, **_: asked.append((name, sys.argv)))
    call(monkeypatch, "train", "model=ntm", "--cfg=job")
    assert asked == [("src.train", ["dms-ntm train", "model=ntm", "--cfg=job"])]


@pytest.mark.parametrize("name", src.PUBLIC)
def test_public_names(name):
    module = importlib.import_module(f"src.{src.PUBLIC[name]}")
    assert getattr(src, name) is getattr(module, name)
    assert getattr(module, name).__name__ == name
    assert {name, "__version__"} <= set(dir(src)) & set(src.__all__)


def test_a_name_that_is_not_public():
    with pytest.raises(AttributeError, match=r"^module 'src' has no attribute 'Hopfield'$"):
        _ = src.Hopfield


def test_the_package_of_the_checkout_can_be_imported_from_any_folder(tmp_path):
    """As `make setup` installs it: a process of its own, whose import of dms_ntm is not that of src here."""
    line = (
        "import dms_ntm; from dms_ntm.common import paths; print(dms_ntm.__version__, paths.CHECKOUT, paths.CONF)"
    )
    done = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    root = Path(src.__file__).resolve().parents[1]
    if "No module named 'dms_ntm'" in done.stderr:
        pytest.skip("the package is not installed here; `make setup` does it")
    assert done.stdout.split() == [src.__version__, str(root), str(root / "conf")]


def test_the_version_is_that_of_the_changelog():
    changes = (Path(src.__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changes.split("\n## ")[1].split()[0] == src.__version__
