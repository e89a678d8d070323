"""Set-up of all tests: annotated shapes are checked, one torch thread, no figure windows, one cached data set."""

import atexit
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

# Before the first import of src: annotations such as Float[Tensor, "B N M"] become checks.
import jaxtyping

import tests.shapes  # jaxtyping imports it by name

SRC = Path(__file__).resolve().parents[1] / "src"
ALL_CHECKED = ("src.memory", "src.cells", "src.networks", "src.tasks")
jaxtyping.install_import_hook(ALL_CHECKED, "beartype.beartype")
#: In other files only tensors are checked, where they have tensors and numba does not compile them.
TENSORS = re.compile(r"\bTensor\b")
COMPILED = re.compile(r"^@(routine|inlined|exact|njit|intrinsic)\b", re.MULTILINE)
for path in SRC.rglob("*.py"):
    text = path.read_text(encoding="utf-8")
    name = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
    if TENSORS.search(text) and not COMPILED.search(text) and not name.startswith(ALL_CHECKED):
        jaxtyping.install_import_hook(name, "tests.shapes.arrays")

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest  # noqa: E402
import torch  # noqa: E402

import tests.figure_drawing  # noqa: E402, F401  (before modules that import functions of figures)
from tests import composition, figure_drawing, processes  # noqa: E402

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # the tests were started in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)
composition.keep()
# Hydra makes many small objects: the garbage collector need not run so often, nor over what was imported.
gc.freeze()
gc.set_threshold(50_000, 20, 50)

# MNIST-1D is generated once in a test session, in a folder that subprocesses use, too.
if "TESTS_CACHE" not in os.environ:
    os.environ["TESTS_CACHE"] = tempfile.mkdtemp(prefix="tests-")
    atexit.register(shutil.rmtree, os.environ["TESTS_CACHE"], ignore_errors=True)

#: Folders with the longest tests run first, so that no worker runs one of them alone at the end. The first need no
#: kernels, which are compiled meanwhile.
LONGEST = ("launch", "study", "search", "settings", "commands", "run", "benchmark", "replay", "report", "engines")


def pytest_collection_modifyitems(items):
    def position(item):
        folder = item.path.parent.relative_to(SRC.parent).parts[-1]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=position)


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_setupnodes(config):
    """Kernels are compiled beside the first tests, if need be, and not by one that the others wait for."""
    command = [sys.executable, "-m", "src.engines.numba_cpu"]
    config.compiler = subprocess.Popen(command, cwd=SRC.parent, stderr=subprocess.DEVNULL)


def pytest_unconfigure(config):
    if hasattr(config, "compiler"):
        config.compiler.wait()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Figures are left blank, except in tests of figures and in those marked as drawn."""
    figure_drawing.turn(item.path.parent.name == "figures" or item.get_closest_marker("drawn") is not None)


@pytest.fixture(autouse=True)
def _warm(request, monkeypatch):
    """Commands that a test starts are forked from a warm parent, unless the test is marked as cold."""
    if request.node.get_closest_marker("cold") is None:
        monkeypatch.setattr(subprocess, "Popen", processes.Popen)


@pytest.fixture
def rng() -> torch.Generator:
    """A generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_types():
    """Annotations are not checked, as outside of tests, so that a value of the wrong type reaches the refusals."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
