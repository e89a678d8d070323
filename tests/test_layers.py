"""A file imports only from layers below its own. The map in `src/__init__.py` is the one source of the layers."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

import src

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "src").rglob("*.py"))
#: All modules of src.
MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__") for path in FILES
}


def layers():
    """The layer of each package and of each command, from the docstring of src."""
    layer, found = 0, {}
    for line in src.__doc__.split("Legend")[0].splitlines():
        match = re.match(r" {4}(?:layer (\d+))? +(\w+)(?:/|\.py)", line)
        if match:
            layer = int(match[1] or layer)
            found[match[2]] = layer
    return found


LAYERS = layers()


def package(path):
    """The package of a file: its folder within src, or the name of the file where it is a command."""
    return path.relative_to(ROOT / "src").with_suffix("").parts[0]


def imported(path, nodes=None):
    """Modules of src that a file imports: in some nodes, or else also within functions."""
    for node in nodes or ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "src":
                assert getattr(node, "level", 0), (
                    f"{path}:{node.lineno}: must be relative, for dms_ntm as well as src"
                )
                yield name if name in MODULES else name.rpartition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_imports_come_from_below(path):
    here = package(path)
    if here == "__init__":
        assert list(imported(path)) == ["src.common.one_package"]
        return
    assert here in LAYERS, f"{here} has no layer yet: give it one in src/__init__.py"
    others = {name.split(".")[1] for name in imported(path) if name != "src"} - {here}
    assert {other: LAYERS[other] for other in others if LAYERS[other] >= LAYERS[here]} == {}


def test_there_is_no_import_cycle():
    """Not within a package either."""
    imports = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): set(
            imported(path)
        )
        for path in FILES
    }
    remaining = dict(imports)
    while ready := [name for name, needs in remaining.items() if not needs & remaining.keys() - {name}]:
        for name in ready:
            del remaining[name]
    assert remaining == {}


def test_every_package_is_on_the_map_and_in_pyproject():
    there = {package(path) for path in FILES} - {"__init__"}
    assert set(LAYERS) == there
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]
    folders = {path.parent.relative_to(ROOT / "src").as_posix().replace("/", ".") for path in FILES}
    assert set(packages) == {"dms_ntm" if one == "." else f"dms_ntm.{one}" for one in folders} | {"dms_ntm.conf"}


def test_the_architecture_page_has_the_same_map():
    table = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split("## The life")[0]
    named = {}
    for row in table.splitlines():
        if row.startswith("| ") and not row.startswith("| layer"):
            _, layer, names, *_ = row.split("|")
            named |= {name: int(layer) for name in re.findall(r"`(\w+)(?:/|\.py)`", names)}
    assert named == LAYERS


def test_tests_mirror_the_packages():
    """A folder of tests is named as its package, but for commands, docs, browser and planted faults."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders - set(LAYERS) <= {"browser", "commands", "docs", "planted"}


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_no_file_is_too_long(path):
    longest = 150 if path.parent.name == "src" else 250
    assert len(path.read_text(encoding="utf-8").splitlines()) <= longest


@pytest.mark.parametrize("folder", ["memory", "cells"])
def test_the_lowest_layers_import_no_lightning_or_hydra(folder):
    unknown = {"lightning", "hydra", "omegaconf", "torchmetrics"} | ({"nn"} if folder == "memory" else set())
    for path in (ROOT / "src" / folder).glob("*.py"):
        assert not unknown & {
            name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", "") or "", *(alias.name for alias in node.names)]
        }


def test_numba_is_imported_only_when_kernels_are_loaded():
    """It may be missing, and its features of the processor must be set before it makes the first function."""
    reached, waiting = set(), ["src.engines.choose", *(f"src.{name}" for name in ("train", "evaluate"))]
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        path = ROOT / f"{module.replace('.', '/')}.py"
        if not path.exists():
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        named = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
        named += [node.module or "" for node in body if isinstance(node, ast.ImportFrom) and not node.level]
        assert not {name.split(".")[0] for name in named} & {"numba", "llvmlite"}, path
        waiting += imported(path, body)
    assert "src.engines.numba_cpu.gru_autograd" in reached
