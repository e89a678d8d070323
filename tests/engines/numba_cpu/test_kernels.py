"""The folder of the compiled kernels: found, kept, locked, and made anew when something is wrong with it."""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, get_type_hints

import numpy as np
import pytest
from jaxtyping import Float
from numba import typeof, types

from src.engines.numba_cpu import backward as real_backward
from src.engines.numba_cpu import forward as real_forward
from src.engines.numba_cpu import kernels
from src.engines.numba_cpu.plan import FieldStarts, KernelPlan

ROOT = Path(__file__).resolve().parents[3]
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture
def place(monkeypatch, tmp_path, caplog):
    """Where NUMBA_CACHE_DIR says."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "place"))
    return tmp_path / "place"


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """Some sources to be changed."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "one.py").write_text("1\n")
    (folder / "two.py").write_text("2\n")
    monkeypatch.setattr(kernels, "SOURCES", folder)
    return folder


class Pair(NamedTuple):
    number: float
    matrix: Float[np.ndarray, "N M"]


def forward(number: float, plan: KernelPlan, first: int, array: Float[np.ndarray, "B T N"]) -> None:
    """The annotations of a kernel."""


def backward(number: float, pair: Pair) -> None:
    """Those of another."""


class StubKernel:
    """A kernel that can be compiled."""

    def __init__(self, function, compiled):
        self.py_func, self.compile = function, compiled

    def __call__(self):
        raise NotImplementedError

    def disable_compile(self, disabled=True):
        pass


class Stub:
    """Two kernels that leave files as numba does when they are compiled, for each dtype their own."""

    def __init__(self, folder):
        self.folder = folder
        self.compiled = []
        self.made = 0
        self.forward = StubKernel(forward, partial(self._compile, "forward"))
        self.backward = StubKernel(backward, partial(self._compile, "backward"))

    def _compile(self, name, signature):
        self.compiled.append((name, signature))
        below = self.folder / "fused_0123"
        below.mkdir(exist_ok=True)
        code = below / f"kernel.{name}.{signature[0]}.nbc"
        if not code.exists():
            self.made += 1
            code.write_bytes(b"code of " + name.encode())
            index = below / f"kernel.{name}.nbi"
            index.write_bytes((index.read_bytes() if index.exists() else b"") + str(signature[0]).encode())


def whole(caplog):
    """A folder with kernels for both dtypes; what was logged so far is gone."""
    folder = kernels._prepare()
    stub = Stub(folder)
    for dtype in (F64, F32):
        kernels._compile(stub, folder, dtype)
    caplog.clear()
    return folder


@pytest.mark.parametrize(
    ("has", "wanted"),
    [("+avx2,-avx512f", "+avx2,-avx512f"), ("+avx2,+avx512f", "+avx2,+avx512f,-prefer-256-bit"), ("", "")],
)
def test_the_widest_vectors(has, wanted, monkeypatch):
    monkeypatch.setattr("numba.core.codegen.get_host_cpu_features", lambda: has)
    assert kernels._features() == wanted


@pytest.mark.parametrize("asked", [None, "+avx2"])
def test_what_is_asked_of_numba_stays(asked, monkeypatch, tmp_path):
    """NUMBA_CPU_FEATURES is the user's word."""
    monkeypatch.setattr("numba.core.config.CPU_FEATURES", asked)
    kernels._load(tmp_path)
    from numba.core import config

    assert (asked or kernels._features()) == config.CPU_FEATURES


def test_numba_is_here():
    assert kernels.missing() is None


@pytest.mark.parametrize("broken", [None, SimpleNamespace])
def test_without_numba(broken, monkeypatch, tmp_path):
    """Not installed, or not to be loaded."""
    if broken is None:
        monkeypatch.setitem(sys.modules, "numba", None)
        expected = "numba cannot be imported (ModuleNotFoundError: "
    else:
        (tmp_path / "numba.py").write_text("raise OSError('no such instruction')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "numba")
        expected = "numba cannot be imported (OSError: no such instruction)"
    assert kernels.missing.__wrapped__().startswith(expected)


class TestPlace:
    def test_the_environment_sets_it(self, place, sources, caplog):
        folder = kernels._prepare()
        assert folder.parent == place
        assert folder.is_dir()
        assert caplog.messages == []

    def test_or_else_it_is_with_the_outputs(self, place, sources, monkeypatch, tmp_path):
        assert ROOT / "outputs" / "cache" / "fused" == kernels.CACHE
        monkeypatch.setattr(kernels, "CACHE", tmp_path / "outputs")
        for unset in (
            lambda: monkeypatch.setenv("NUMBA_CACHE_DIR", ""),
            lambda: monkeypatch.delenv("NUMBA_CACHE_DIR"),
        ):
            unset()
            assert kernels._prepare().parent == tmp_path / "outputs"

    def test_its_name_changes_with_the_sources_alone(self, place, sources):
        names = [kernels._prepare().name]
        (sources / "notes.txt").write_text("no source")
        names.append(kernels._prepare().name)
        assert len(set(names)) == 1
        for change in (
            lambda: (sources / "one.py").write_text("1 \n"),
            lambda: (sources / "three.py").write_text("3\n"),
            lambda: (sources / "two.py").unlink(),
        ):
            change()
            names.append(kernels._prepare().name)
        assert len(set(names)) == 4
        (sources / "one.py").write_text("1\n")
        (sources / "three.py").unlink()
        (sources / "two.py").write_text("2\n")
        assert kernels._prepare().name == names[0]

    def test_every_source_counts(self, monkeypatch, place):
        """Those of this version, as they are."""
        read = []
        monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or b"")
        kernels._prepare()
        assert set(read) == {path.name for path in (ROOT / "src" / "engines" / "numba_cpu").glob("*.py")}

    def test_old_kernels_stay(self, place, sources, caplog):
        """Another version, or another checkout, may use them."""
        folder = whole(caplog)
        files = kernels._files(folder)
        (sources / "one.py").write_text("changed")
        assert kernels._prepare() != folder
        assert kernels._files(folder) == files
        assert caplog.messages == []

    @pytest.mark.parametrize("how", ["below a file", "a file", "read-only"])
    def test_where_nothing_can_be_kept(self, how, place, sources, caplog, monkeypatch):
        """One warning, and a folder for this process."""
        if how == "below a file":
            place.write_text("")
            monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "there"))
        elif how == "a file":
            place.write_text("")
        else:  # as tests may run as root, whom no permission stops
            real = tempfile.TemporaryFile

            def refuse(*arguments, **options):
                if str(options.get("dir", "")).startswith(str(place)):
                    raise PermissionError(13, "Permission denied")
                return real(*arguments, **options)

            monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
        at_exit = []
        monkeypatch.setattr(kernels.atexit, "register", lambda *call, **options: at_exit.append((call, options)))
        folder = kernels._prepare()
        ((level, message),) = [(record.levelname, record.getMessage()) for record in caplog.records]
        assert level == "WARNING"
        assert message.startswith(f"Kernels cannot be kept in {os.environ['NUMBA_CACHE_DIR']} (")
        assert message.endswith("); they are compiled for this process alone.")
        stub = Stub(folder)
        kernels._compile(stub, folder, F32)
        assert stub.made == 2
        (((remove, *given), options),) = at_exit
        remove(*given, **options)
        assert not folder.exists()


class TestCompile:
    def test_says_so_once(self, place, sources, caplog):
        folder = kernels._prepare()
        stub = Stub(folder)
        for dtype in (F32, F64):
            kernels._compile(stub, folder, dtype)
            expected = f"Compiling the fused engine for {dtype.name}, once; it is kept in {folder}."
            assert caplog.messages == [expected]
            caplog.clear()
            assert json.loads((folder / "record.json").read_text())["files"] == kernels._digests(folder)
        assert json.loads((folder / "record.json").read_text())["dtypes"] == ["float32", "float64"]
        assert stub.made == 4

        again = Stub(kernels._prepare())  # as in the next process
        for dtype in (F64, F32):
            kernels._compile(again, folder, dtype)
        assert again.made == 0
        assert len(again.compiled) == 4  # which then loads
        assert caplog.messages == []
        assert not list(folder.glob("*.part"))

    @pytest.mark.parametrize(("dtype", "number"), [(F32, types.float32), (F64, types.float64)])
    def test_signatures(self, dtype, number, place, sources):
        """They are those of what the annotations say, by numba's own word."""
        stub = Stub(kernels._prepare())
        kernels._compile(stub, stub.folder, dtype)
        pair = types.NamedTuple([number, types.Array(number, 2, "C")], Pair)
        plan = typeof(KernelPlan(*[FieldStarts() if name == "start" else 0 for name in KernelPlan._fields]))
        array = types.Array(number, 3, "C")
        assert stub.compiled == [("forward", (number, plan, types.intp, array)), ("backward", (number, pair))]

    @pytest.mark.parametrize("dtype", [F32, F64])
    def test_bundles_are_of_the_types_that_numba_sees(self, dtype):
        """Of every bundle with arrays of the annotated dimensions."""

        def filled(kind):
            if kind is int:
                return 0
            if kind is float:
                return dtype.type(0)
            if hasattr(kind, "_fields"):
                return kind(*(filled(field) for field in get_type_hints(kind).values()))
            return np.zeros((1,) * len(kind.dim_str.split()), dtype)

        for kernel in (real_forward.forward, real_backward.backward):
            hints = [kind for name, kind in kernel.py_func.__annotations__.items() if name != "return"]
            assert kernels._signature(kernel.py_func, dtype) == tuple(typeof(filled(kind)) for kind in hints)

    def test_interpreted_there_is_nothing_to_do(self, place, sources, caplog):
        """NUMBA_DISABLE_JIT=1: the kernels are functions."""
        stub = SimpleNamespace(forward=lambda: None, backward=lambda: None)
        assert kernels._compile(stub, None, F32) is None
        assert caplog.messages == []

    def test_kernels_prepares_once_and_compiles_once_a_dtype(self, place, sources, monkeypatch, caplog):
        stubs = []
        monkeypatch.setattr(kernels, "_loaded", None)
        monkeypatch.setattr(kernels, "_folder", None)
        monkeypatch.setattr(kernels, "_ready", set())
        monkeypatch.setattr(kernels, "_load", lambda folder: stubs.append(Stub(folder)) or stubs[-1])
        for dtype in (F32, F64, F32, np.dtype("float64")):
            assert kernels.kernels(dtype) == (stubs[0].forward, stubs[0].backward)
        assert len(stubs) == 1
        assert len(stubs[0].compiled) == 4
        assert len(caplog.messages) == 2

    def test_what_numba_makes_anew_is_no_damage(self, place, sources, caplog):
        """It does not take the files that it finds if the folder was moved, or numba or the processor changed."""
        folder = whole(caplog)
        stub = Stub(folder)
        stub.forward.compile = lambda signature: (folder / "fused_0123" / "kernel.2.nbc").write_bytes(b"new")
        kernels._compile(stub, folder, F32)
        assert kernels._record(folder)["files"] == kernels._digests(folder)
        kernels._prepare()
        assert caplog.messages == []


def scribble(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def empty(path):
    path.write_bytes(b"")


class TestDamage:
    @pytest.mark.parametrize("damage", [scribble, cut, empty, Path.unlink], ids=lambda damage: damage.__name__)
    @pytest.mark.parametrize("which", range(6))
    def test_a_file_is_replaced(self, which, damage, place, sources, caplog):
        folder = whole(caplog)
        files = kernels._files(folder)
        assert len(files) == 6
        before = {path: path.read_bytes() for path in files}
        damage(files[which])
        assert kernels._prepare() == folder
        assert caplog.messages == [f"The kernels in {folder} are damaged; compiling them anew."]
        assert caplog.records[0].levelname == "WARNING"
        assert kernels._files(folder) == []
        assert kernels._record(folder) == {}
        again = whole(caplog)
        assert again == folder
        assert {path: path.read_bytes() for path in kernels._files(again)} == before
        kernels._prepare()
        assert caplog.messages == []

    def test_a_file_too_many(self, place, sources, caplog):
        """As a process leaves it that was killed while it compiled."""
        folder = whole(caplog)
        (folder / "fused_0123" / "kernel.3.nbc").write_bytes(b"half")
        kernels._prepare()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert kernels._files(folder) == []

    def test_other_files_are_let_be(self, place, sources, caplog):
        folder = whole(caplog)
        (folder / "notes.txt").write_text("mine")
        kernels._prepare()
        assert caplog.messages == []
        scribble(kernels._files(folder)[0])
        kernels._prepare()
        assert (folder / "notes.txt").read_text() == "mine"

    @pytest.mark.parametrize(
        "content", [None, b"", b"{", b"\xff\xfe\x00", b"[]", b"3", b"{}", b'{"files": null}', b'{"files": []}']
    )
    def test_the_record(self, content, place, sources, caplog):
        folder = whole(caplog)
        if content is None:
            (folder / "record.json").unlink()
        else:
            (folder / "record.json").write_bytes(content)
        kernels._prepare()
        assert caplog.messages == [f"The kernels in {folder} are damaged; compiling them anew."]
        assert kernels._files(folder) == []
        whole(caplog)
        kernels._prepare()
        assert caplog.messages == []

    def test_any_byte_of_the_record(self, place, sources, caplog):
        """Whatever it becomes: nothing fails, and the record is right in the end."""
        folder = whole(caplog)
        sound = (folder / "record.json").read_bytes()
        for n in range(0, len(sound), 17):  # all of them take a while
            (folder / "record.json").write_bytes(sound[:n] + bytes([sound[n] ^ 1]) + sound[n + 1 :])
            whole(caplog)
            assert set(kernels._record(folder)["dtypes"]) >= {"float32", "float64"}
            assert kernels._record(folder)["files"] == kernels._digests(folder)
            (folder / "record.json").write_bytes(sound)

    def test_a_record_of_an_empty_folder(self, place, sources, caplog):
        """A record that cannot be read, of nothing, is nothing."""
        folder = kernels._prepare()
        (folder / "record.json").write_text("{")
        kernels._prepare()
        assert caplog.messages == []
        whole(caplog)
        assert kernels._record(folder)["files"] == kernels._digests(folder)


def test_one_process_at_a_time(tmp_path):
    inside, order = threading.Event(), []

    def second():
        inside.wait(30)
        with kernels._locked(tmp_path):
            order.append("second")

    other = threading.Thread(target=second)
    other.start()
    with kernels._locked(tmp_path):
        inside.set()
        time.sleep(0.2)
        order.append("first")
    other.join(30)
    assert order == ["first", "second"]


def test_a_lock_is_let_go_after_an_error(tmp_path):
    def broken():
        with kernels._locked(tmp_path):
            raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011
            broken()


PROGRAM = """
import logging, sys, time
import numpy as np

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from src.engines.numba_cpu.kernels import kernels

start = time.perf_counter()
forward, backward = kernels(np.dtype("float32"))
print(f"{time.perf_counter() - start} {len(forward.signatures)} {len(backward.signatures)}")
"""


def test_the_next_process_compiles_nothing():
    """With this project's own kernels; the first process here compiles if none did before."""
    for _ in range(2):  # the second is the next
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": "0"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    (seconds, *signatures) = done.stdout.split()
    assert float(seconds) < 20
    assert signatures == ["1", "1"]
