"""Cache folder of the compiled kernels: location, digest, lock, and recovery from damage."""

import json
import logging
import os
import runpy
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
from numba.core import config
from numba.core.registry import cpu_target

from src.engines.numba_cpu import backward as real_backward
from src.engines.numba_cpu import compiler, kernels, vector_width
from src.engines.numba_cpu import forward as real_forward
from src.engines.numba_cpu.plan import FieldStarts, KernelPlan, NTMPlan

ROOT = Path(__file__).resolve().parents[3]
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.fixture
def place(monkeypatch, tmp_path, caplog):
    """A temporary folder as NUMBA_CACHE_DIR."""
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "place"))
    return tmp_path / "place"


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """A temporary folder with sources that a test may change."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "one.py").write_text("1\n")
    (folder / "two.py").write_text("2\n")
    monkeypatch.setattr(kernels, "SOURCES", folder)
    monkeypatch.setattr(compiler, "compile_in_subprocesses", lambda *given: None)
    return folder


class Pair(NamedTuple):
    number: float
    matrix: Float[np.ndarray, "N M"]


def forward(number: float, plan: KernelPlan, first: int, array: Float[np.ndarray, "B T N"]) -> None:
    """A function with the annotations of a kernel."""


def backward(number: float, pair: Pair) -> None:
    """Another one."""


class StubKernel:
    """A stub of a kernel."""

    def __init__(self, function, compiled):
        self.py_func, self.compile = function, compiled

    def disable_compile(self, disabled=True):
        pass


class Stub:
    """Two stubs of kernels that write files as numba does, for each dtype."""

    def __init__(self, folder):
        self.folder = folder
        self.compiled = []
        self.written = 0
        self.forward = StubKernel(forward, partial(self._compile, "forward"))
        self.backward = StubKernel(backward, partial(self._compile, "backward"))

        self.changes = StubKernel(forward, lambda signature: None)

    def _compile(self, name, signature):
        self.compiled.append((name, signature))
        below = self.folder / "fused_0123"
        below.mkdir(exist_ok=True)
        code = below / f"kernel.{name}.{signature[0]}.nbc"
        if not code.exists():
            self.written += 1
            code.write_bytes(b"code of " + name.encode())
            index = below / f"kernel.{name}.nbi"
            index.write_bytes((index.read_bytes() if index.exists() else b"") + str(signature[0]).encode())


def filled_cache(caplog):
    """A folder with kernels for both dtypes; clears the log."""
    folder = kernels._prepare()
    stub = Stub(folder)
    for dtype in (F64, F32):
        kernels._compile(stub, folder, "ntm", dtype)
    caplog.clear()
    return folder


@pytest.mark.parametrize(
    ("has", "wanted"),
    [("+avx2,-avx512f", "+avx2,-avx512f"), ("+avx2,+avx512f", "+avx2,+avx512f,-prefer-256-bit"), ("", "")],
)
def test_the_widest_vectors_are_enabled(has, wanted, monkeypatch):
    monkeypatch.setattr(vector_width, "get_host_cpu_features", lambda: has)
    assert vector_width.features() == wanted


@pytest.mark.parametrize("asked", [None, "+avx2"])
def test_cpu_features_of_the_user_are_kept(asked, monkeypatch):
    """NUMBA_CPU_FEATURES is not changed."""
    monkeypatch.setattr("numba.core.config.CPU_FEATURES", asked)
    vector_width.widen()
    assert (asked or vector_width.features()) == config.CPU_FEATURES


def test_tests_run_the_kernels_that_training_runs():
    """Whatever was imported first: numba's target has the widest vectors."""
    assert cpu_target.target_context.codegen()._tm_features == (
        os.environ.get("NUMBA_CPU_FEATURES") or vector_width.features()
    )


def test_numba_is_available():
    assert kernels.missing() is None


def test_the_command_makes_both_dtypes_ready(monkeypatch):
    asked = []
    monkeypatch.setattr(kernels, "ready", lambda *given: asked.append(given))
    runpy.run_module("src.engines.numba_cpu", run_name="__main__")
    kinds = ("ntm", "dms_ntm", "dnc", "gru")
    assert asked == [(kind, np.dtype(dtype)) for dtype in ("float32", "float64") for kind in kinds]
    monkeypatch.setattr(kernels, "missing", lambda: "numba cannot be imported (x)")
    with pytest.raises(SystemExit, match=r"^error: numba cannot be imported \(x\)$"):
        runpy.run_module("src.engines.numba_cpu", run_name="__main__")


@pytest.mark.parametrize("broken", [None, SimpleNamespace])
def test_without_numba(broken, monkeypatch, tmp_path):
    """Not installed, or an error at its import."""
    if broken is None:
        monkeypatch.setitem(sys.modules, "numba", None)
        expected = "numba cannot be imported (ModuleNotFoundError: "
    else:
        (tmp_path / "numba.py").write_text("raise OSError('no such instruction')")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "numba")
        expected = "numba cannot be imported (OSError: no such instruction)"
    assert kernels.missing.__wrapped__().startswith(expected)


class TestFolder:
    def test_the_environment_variable_sets_it(self, place, sources, caplog):
        folder = kernels._prepare()
        assert folder.parent == place
        assert folder.is_dir()
        assert caplog.messages == []

    def test_the_default_is_in_outputs(self, place, sources, monkeypatch, tmp_path):
        assert ROOT / "outputs" / "cache" / "fused" == kernels.CACHE
        monkeypatch.setattr(kernels, "CACHE", tmp_path / "outputs")
        for unset in (
            lambda: monkeypatch.setenv("NUMBA_CACHE_DIR", ""),
            lambda: monkeypatch.delenv("NUMBA_CACHE_DIR"),
        ):
            unset()
            assert kernels._prepare().parent == tmp_path / "outputs"

    def test_the_name_depends_on_the_sources_alone(self, place, sources):
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

    def test_the_name_depends_on_every_source(self, monkeypatch, place):
        read = []
        monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or b"")
        kernels._prepare()
        assert set(read) == {path.name for path in (ROOT / "src" / "engines" / "numba_cpu").glob("*.py")}

    def test_old_kernels_are_kept(self, place, sources, caplog):
        """Another version or checkout may use them."""
        folder = filled_cache(caplog)
        files = kernels._files(folder)
        (sources / "one.py").write_text("changed")
        assert kernels._prepare() != folder
        assert kernels._files(folder) == files
        assert caplog.messages == []

    @pytest.mark.parametrize("how", ["below a file", "a file", "read-only"])
    def test_a_folder_that_cannot_be_written(self, how, place, sources, caplog, monkeypatch):
        """One warning, and a temporary folder for this process."""
        if how == "below a file":
            place.write_text("")
            monkeypatch.setenv("NUMBA_CACHE_DIR", str(place / "there"))
        elif how == "a file":
            place.write_text("")
        else:  # simulated: permissions do not stop root
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
        kernels._compile(stub, folder, "ntm", F32)
        assert stub.written == 2
        (((remove, *given), options),) = at_exit
        remove(*given, **options)
        assert not folder.exists()


class TestCompile:
    def test_logs_once_per_dtype(self, place, sources, caplog):
        folder = kernels._prepare()
        stub = Stub(folder)
        for dtype in (F32, F64):
            kernels._compile(stub, folder, "ntm", dtype)
            expected = f"Compiling the fused engine of ntm for {dtype.name}, once; it is kept in {folder}."
            assert caplog.messages == [expected]
            caplog.clear()
            assert json.loads((folder / "record.json").read_text())["files"] == kernels._digests(folder)
        assert json.loads((folder / "record.json").read_text())["compiled"] == [
            "ntm float32",
            "ntm float64",
        ]
        assert stub.written == 4

        again = Stub(kernels._prepare())  # as in the next process
        for dtype in (F64, F32):
            kernels._compile(again, folder, "ntm", dtype)
        assert again.written == 0
        assert len(again.compiled) == 4  # loaded from the cache
        assert caplog.messages == []
        assert not list(folder.glob("*.part"))

    @pytest.mark.parametrize(("dtype", "number"), [(F32, types.float32), (F64, types.float64)])
    def test_signatures(self, dtype, number, place, sources):
        """Signatures equal the numba types of the annotations."""
        stub = Stub(kernels._prepare())
        kernels._compile(stub, stub.folder, "ntm", dtype)
        pair = types.NamedTuple([number, types.Array(number, 2, "C")], Pair)
        plan = typeof(NTMPlan(*[FieldStarts() if name == "start" else 0 for name in NTMPlan._fields]))
        array = types.Array(number, 3, "C")
        assert stub.compiled == [("forward", (number, plan, types.intp, array)), ("backward", (number, pair))]

    @pytest.mark.parametrize("dtype", [F32, F64])
    def test_signatures_equal_the_types_of_real_arguments(self, dtype):
        """With arrays of the annotated numbers of dimensions."""

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
            assert compiler.signature(kernel.py_func, dtype) == tuple(typeof(filled(kind)) for kind in hints)

    def test_interpreted_kernels_are_not_compiled(self, place, sources, caplog):
        """NUMBA_DISABLE_JIT=1: the kernels are Python functions."""
        stub = SimpleNamespace(forward=lambda: None, backward=lambda: None)
        assert kernels._compile(stub, None, "ntm", F32) is None
        assert caplog.messages == []

    def test_kernels_are_compiled_once_per_dtype(self, place, sources, monkeypatch, caplog):
        stubs = []
        monkeypatch.setattr(kernels, "_loaded", None)
        monkeypatch.setattr(kernels, "_folder", None)
        monkeypatch.setattr(kernels, "_ready", set())
        monkeypatch.setattr(compiler, "load", lambda folder: stubs.append(Stub(folder)) or stubs[-1])
        for dtype in (F32, F64, F32, np.dtype("float64")):
            assert kernels.kernels("ntm", dtype) == (stubs[0].forward, stubs[0].backward)
        assert len(stubs) == 1
        assert len(stubs[0].compiled) == 4
        assert len(caplog.messages) == 2

    def test_recompiled_files_are_no_damage(self, place, sources, caplog):
        """Numba recompiles if the folder was moved, or numba or the processor changed."""
        folder = filled_cache(caplog)
        stub = Stub(folder)
        stub.forward.compile = lambda signature: (folder / "fused_0123" / "kernel.2.nbc").write_bytes(b"new")
        kernels._compile(stub, folder, "ntm", F32)
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

    def test_a_subprocess_fills_the_cache_before_it_is_read(self, place, sources, monkeypatch, caplog):
        folder, filled = kernels._prepare(), []
        stub = Stub(folder)
        monkeypatch.setattr(
            compiler, "compile_in_subprocesses", lambda *given: filled.append((given, stub.written))
        )
        for dtype in (F32, F64, F32):
            kernels._compile(stub, folder, "ntm", dtype)
        assert filled == [((folder, "ntm", F32), 0), ((folder, "ntm", F64), 2)]

    @pytest.mark.parametrize(
        ("executable", "reason"), [("/nowhere/python", "No such file or directory"), ("false", "exit code 1: ")]
    )
    def test_without_a_subprocess_this_process_compiles(
        self, executable, reason, place, sources, monkeypatch, caplog
    ):
        monkeypatch.undo()
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(place))
        monkeypatch.setattr(kernels, "SOURCES", sources)
        monkeypatch.setattr(sys, "executable", executable)
        stub = Stub(kernels._prepare())
        kernels._compile(stub, stub.folder, "ntm", F32)
        assert stub.written == 2
        (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
        text = "The fused engine is compiled in this process: a subprocess failed ("
        assert record.getMessage().startswith(text)
        assert reason in record.getMessage()


def test_kernels_that_no_process_has_used_for_long_are_removed(place, sources, caplog):
    own = filled_cache(caplog)
    month = 31 * 24 * 3600
    ago = time.time() - month
    for name, files in {
        "0123456789abcdef": ["lock"],
        "fedcba9876543210": ["notes"],
        "mine": ["lock"],
    }.items():
        (place / name).mkdir()
        for file in files:
            (place / name / file).write_text("{}")
        os.utime(place / name, (ago, ago))
    os.utime(own, (ago, ago))
    kernels._prepare()
    assert {path.name for path in place.iterdir()} == {own.name, "fedcba9876543210", "mine"}
    assert own.stat().st_mtime > ago + month / 2


class TestDamage:
    @pytest.mark.parametrize("damage", [scribble, cut, empty, Path.unlink], ids=lambda damage: damage.__name__)
    @pytest.mark.parametrize("which", range(6))
    def test_damaged_files_are_replaced(self, which, damage, place, sources, caplog):
        folder = filled_cache(caplog)
        files = kernels._files(folder)
        assert len(files) == 6
        before = {path: path.read_bytes() for path in files}
        damage(files[which])
        assert kernels._prepare() == folder
        assert caplog.messages == [f"The kernels in {folder} are damaged; compiling them anew."]
        assert caplog.records[0].levelname == "WARNING"
        assert kernels._files(folder) == []
        assert kernels._record(folder) == {}
        again = filled_cache(caplog)
        assert again == folder
        assert {path: path.read_bytes() for path in kernels._files(again)} == before
        kernels._prepare()
        assert caplog.messages == []

    def test_an_unrecorded_file_is_damage(self, place, sources, caplog):
        """As after a process was killed during compilation."""
        folder = filled_cache(caplog)
        (folder / "fused_0123" / "kernel.3.nbc").write_bytes(b"half")
        kernels._prepare()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert kernels._files(folder) == []

    def test_other_files_are_kept(self, place, sources, caplog):
        folder = filled_cache(caplog)
        (folder / "notes.txt").write_text("mine")
        kernels._prepare()
        assert caplog.messages == []
        scribble(kernels._files(folder)[0])
        kernels._prepare()
        assert (folder / "notes.txt").read_text() == "mine"

    @pytest.mark.parametrize(
        "content", [None, b"", b"{", b"\xff\xfe\x00", b"[]", b"3", b"{}", b'{"files": null}', b'{"files": []}']
    )
    def test_a_damaged_record(self, content, place, sources, caplog):
        folder = filled_cache(caplog)
        if content is None:
            (folder / "record.json").unlink()
        else:
            (folder / "record.json").write_bytes(content)
        kernels._prepare()
        assert caplog.messages == [f"The kernels in {folder} are damaged; compiling them anew."]
        assert kernels._files(folder) == []
        filled_cache(caplog)
        kernels._prepare()
        assert caplog.messages == []

    def test_any_changed_byte_of_the_record(self, place, sources, caplog):
        """No error, and the record is correct in the end."""
        folder = filled_cache(caplog)
        intact = (folder / "record.json").read_bytes()
        for n in range(0, len(intact), 17):  # all bytes would take long
            (folder / "record.json").write_bytes(intact[:n] + bytes([intact[n] ^ 1]) + intact[n + 1 :])
            filled_cache(caplog)
            assert set(kernels._record(folder)["compiled"]) >= {"ntm float32", "ntm float64"}
            assert kernels._record(folder)["files"] == kernels._digests(folder)
            (folder / "record.json").write_bytes(intact)

    def test_a_damaged_record_of_an_empty_folder(self, place, sources, caplog):
        """Without files there is no damage."""
        folder = kernels._prepare()
        (folder / "record.json").write_text("{")
        kernels._prepare()
        assert caplog.messages == []
        filled_cache(caplog)
        assert kernels._record(folder)["files"] == kernels._digests(folder)


def test_the_lock_excludes_other_holders(tmp_path):
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


def test_the_lock_is_released_after_an_error(tmp_path):
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
from src.engines import choose
from src.engines.numba_cpu import compiler, threads, vector_width
from src.engines.numba_cpu.kernels import kernels

start = time.perf_counter()
compiled = kernels("dms_ntm", np.dtype("float32"))
from numba.core.registry import cpu_target
from src.engines.numba_cpu import spin_wait

assert cpu_target.target_context.codegen()._tm_features == vector_width.features()
compiled = (*compiled, spin_wait.changes)
threads.over_rows(lambda thread, first, last: None, rows=16, threads=2)
seconds = time.perf_counter() - start
print(seconds, *(sum(kernel.stats.cache_misses.values()) for kernel in compiled))
"""


def test_a_process_loads_what_a_subprocess_has_compiled():
    """With the real kernels and two threads. Needs two new processes.

    Code that a process has compiled itself rounds differently, so that a run would not be repeated bit for bit. A
    function that was compiled later, such as that of the threads, made the next process compile all kernels anew;
    one that was imported earlier, kernels with narrower vectors.
    """
    for _ in range(2):  # the second process finds the cache filled
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
        seconds, *compiled = done.stdout.splitlines()[-1].split()
        assert compiled == ["0", "0", "0"]
    assert float(seconds) < 20
    assert "ompil" not in done.stdout
