"""Imports and style of all files of figures."""

import ast
from pathlib import Path

import pytest

import src.figures

FILES = sorted(Path(src.figures.__path__[0]).glob("*.py"))


def test_there_are_figures() -> None:
    assert len(FILES) >= 6


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_imports_numpy_matplotlib_and_other_figures_without_pyplot(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            above = {0: "", 1: "src.figures."}[node.level]
            names = [f"{above}{node.module or ''}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            known = {
                "collections",
                "contextlib",
                "io",
                "logging",
                "math",
                "operator",
                "textwrap",
                "typing",
                "zlib",
            }
            known |= {"numpy", "matplotlib"}
            assert name.split(".")[0] in known or name.startswith("src.figures.")
            assert "pyplot" not in name
            assert "pylab" not in name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_function_that_makes_a_figure_has_the_default_style(file: Path) -> None:
    """Functions that draw into given axes are called by such a function."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.FunctionDef)
            and node.returns is not None
            and "Figure" in ast.unparse(node.returns)
        ):
            assert "default_style()" in map(ast.unparse, node.decorator_list), node.name
