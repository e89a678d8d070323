"""What every test gets: shapes checked as annotated, one torch thread, no figure windows, one cached data set."""

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

# Before the first import of ours: annotations such as Float[Tensor, "B N M"] become checks.
import jaxtyping

import tests.shapes  # noqa: F401  (which jaxtyping takes by its name)

SRC = Path(__file__).resolve().parents[1] / "src"
FULLY = ("src.memory", "src.cells", "src.networks", "src.tasks")
jaxtyping.install_import_hook(FULLY, "beartype.beartype")
#: Of the other files, those that have tensors and that numba does not compile.
TENSORS = re.compile(r"\bTensor\b")
COMPILED = re.compile(r"^@(routine|inlined|exact|njit|intrinsic)\b", re.MULTILINE)
for path in SRC.rglob("*.py"):
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
    if TENSORS.search(text) and not COMPILED.search(text) and not name.startswith(FULLY):
        jaxtyping.install_import_hook(name, "tests.shapes.arrays")

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402
import torch  # noqa: E402

from tests import processes  # noqa: E402

torch.set_num_threads(1)

# MNIST-1D is made once a test session: the processes that this one starts find it here.
if "TESTS_CACHE" not in os.environ:
    os.environ["TESTS_CACHE"] = tempfile.mkdtemp(prefix="tests-")
    atexit.register(shutil.rmtree, os.environ["TESTS_CACHE"], ignore_errors=True)

#: Folders whose tests take longest come first, so that no worker is left with one of them at the end.
LONGEST = ("commands", "run", "launch", "study", "search", "cells", "engines", "settings")


def pytest_collection_modifyitems(items):
    def turn(item):
        folder = item.path.parent.relative_to(SRC.parent).parts[-1]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def _warm(request, monkeypatch):
    """Commands that a test starts are forks, unless it is marked as cold."""
    if request.node.get_closest_marker("cold") is None:
        monkeypatch.setattr(subprocess, "Popen", processes.Popen)


@pytest.fixture
def rng() -> torch.Generator:
    """A generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_types():
    """Annotations unchecked, as in use: a value of the wrong type gets as far as the refusals of ours."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
