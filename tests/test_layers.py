"""A file imports only from floors below its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
#: What each part of the package may import of ours; a part may always import from itself.
ALLOWED = {
    "checks": "",
    "text": "",
    "output": "",
    "files": "",
    "statistics": "",
    "memory": "",
    "figures": "",
    "fused": "",
    "cells": "checks memory fused",
    "networks": "checks cells",
    "tasks": "checks",
    "lit": "checks tasks",
    "callbacks": "checks files memory tasks figures lit",
    "trainer_arguments": "checks",
    "build": "checks files trainer_arguments cells networks tasks lit callbacks",
    "runs": "checks files tasks build",
    "unknown": "checks build",
    "overrides": "checks build unknown",
    "jobs": "build unknown overrides",
    "cli": "build overrides jobs",
    "conclusion": "figures tasks lit callbacks build runs cli",
    "resume": "checks callbacks build runs",
    "sweep": "text build runs cli",
    "worker": "files runs cli",
    "remote": "checks build runs cli resume sweep worker",
    "launchers": "build cli remote",
    "experiments": "files cli",
    "children": "",
    "estimate": "text lit trainer_arguments build cli launchers",
    "launch": "build cli estimate launchers remote resume runs sweep",
    "processes": "lit build runs",
    "follow": "lit callbacks build runs cli conclusion resume launch processes",
    "train": "text output tasks lit callbacks build runs cli conclusion resume sweep launchers launch processes "
    "follow",
    "evaluate": "checks text output tasks lit figures callbacks build runs cli",
    "publish": "checks output build runs cli",
    "replay": "checks output files memory figures networks tasks lit callbacks build runs cli",
    "report": "checks text output files statistics figures tasks lit callbacks build runs cli",
    "study": "checks text output files build runs cli launchers resume sweep experiments children estimate "
    "evaluate",
    "search": "checks text output files figures lit callbacks build runs cli conclusion resume sweep experiments "
    "children estimate train",
    "benchmark": "output files tasks figures build runs unknown cli train",
}
FILES = sorted((ROOT / "src").rglob("*.py"))


def imported(path):
    """Parts of ours that a file imports, in whatever way."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.split(".")[0] == "src")


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_come_from_below(path):
    part = path.relative_to(ROOT / "src").with_suffix("").parts[0]
    allowed = {"__init__": set()} | {name: {name, *below.split()} for name, below in ALLOWED.items()}
    assert part in allowed, f"{part} has no floor yet: give it one in ALLOWED"
    assert set(imported(path)) <= allowed[part]


def test_the_floors_have_no_circle_and_no_floor_is_empty():
    """Each part is written down below those that may import it."""
    done = set()
    for part, below in ALLOWED.items():
        assert set(below.split()) <= done
        done.add(part)
    assert done == {path.relative_to(ROOT / "src").with_suffix("").parts[0] for path in FILES} - {"__init__"}


def test_the_lowest_floors_know_no_modules_lightning_or_hydra():
    for path in (ROOT / "src" / "memory").glob("*.py"):
        assert not {"lightning", "hydra", "nn"} & {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", "") or "", *(alias.name for alias in node.names)]
        }
