"""Notebooks run from a clean kernel, give the results that they describe, and are committed with outputs.

After a change of a notebook, `python -m tests.commands.test_notebooks` runs all of them and writes their outputs;
with names of notebooks as arguments, these alone.
"""

import ast
import contextlib
import re
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
#: Seconds that a notebook may take; 15 to 25 on an idle machine, twice that on a busy one.
SECONDS = 180
#: Largest size in bytes of a notebook with outputs.
SIZE = 400_000
#: Absolute paths.
ABSOLUTE = re.compile(r"(?<![\w.:/])/(home|root|tmp|usr|opt|mnt|var|work|Users|private)/|[A-Z]:\\")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook):
    """All text in the outputs."""
    for output in outputs(notebook):
        yield output.get("text", "")
        yield from (value for kind, value in output.get("data", {}).items() if kind.startswith("text/"))


def pictures(notebook):
    return [output for output in outputs(notebook) if "image/png" in output.get("data", {})]


def value(notebook):
    """The value that the last cell shows."""
    return ast.literal_eval(code_cells(notebook)[-1].outputs[-1].data["text/plain"])


def execute(notebook, folder):
    """Run a notebook in a new kernel that starts in a folder; the file is not written."""
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=where).execute()
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]
    return notebook


def files():
    """The modification times of the files that a notebook could change."""
    folders = [ROOT / name for name in ("conf", "notebooks", "outputs/published", "src", "tests")]
    inside = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path: path.stat().st_mtime_ns for path in [*ROOT.glob("[!.]*"), *inside] if path.is_file()}


@pytest.fixture(autouse=True)
def temporary_jupyter_folders(tmp_path, monkeypatch):
    """Kernels neither read nor write the user's settings."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def runs():
    """By name: a notebook that was run, the seconds it took, and whether all files are unchanged."""
    return {}


@pytest.fixture
def executed(runs):
    """Run a notebook from its own folder, once."""

    def run(name):
        if name not in runs:
            before, began = files(), time.perf_counter()
            notebook = execute(read(ROOT / "notebooks" / f"{name}.ipynb"), ROOT / "notebooks")
            runs[name] = notebook, time.perf_counter() - began, files() == before
        return runs[name]

    return run


def test_the_notebooks_are_the_expected_ones():
    assert [path.stem for path in NOTEBOOKS] == ["counting_head", "jumps", "one_sequence", "your_own_model"]


class TestExecuted:
    @each_notebook
    def test_runs_in_time_and_changes_no_file(self, path, executed):
        _, seconds, untouched = executed(path.stem)
        assert seconds < SECONDS
        assert untouched

    def test_counting_head(self, executed):
        """What is said follows the count and the memory, when these are changed in the middle of an answer."""
        notebook, _, _ = executed("counting_head")
        found = value(notebook)
        assert found["wrong bits"] == 0
        assert found["ends that follow the count, least share"] > 0.9
        assert found["words that follow the memory, least share"] > 0.9
        assert found["other words kept, least share"] > 0.9
        assert found["second copy of the first word, step"] == 6
        assert found["end exact at 20 repeats"] > 0.9
        assert len(pictures(notebook)) == 4

    def test_jumps(self, executed):
        """Both DMS-NTMs jump by distances that were never trained, one also beyond, and the NTM does not."""
        notebook, _, _ = executed("jumps")
        found = value(notebook)
        right = found["right words of the walk, least share"]
        assert right["ntm"] < 0.1 < 0.9 < min(right["dms_ntm"], right["linear_dms_ntm"])
        assert found["slots moved for 3 and 6"] == pytest.approx([3.0, 6.0], abs=0.1)
        assert found["slots moved for 16"]["ntm"] == pytest.approx(8.0, abs=0.1)
        assert found["slots moved for 16"]["linear_dms_ntm"] == pytest.approx(16.0, abs=0.1)
        assert max(found["weight of the NTM on shifts of 3 and 6"]) < 0.1
        assert found["words of the other sequence"] > 0.9
        assert len(pictures(notebook)) == 3

    def test_one_sequence(self, executed):
        notebook, _, _ = executed("one_sequence")
        found = value(notebook)
        assert found["wrong bits, 4x3"] == 0
        assert found["slots written"] == [1, 2, 3, 4, 5, 6]
        assert found["slots read"] == [2, 3, 4, 5]
        assert found["by hand, largest difference under 1e-6"] is True
        assert found["error bits without the jump"] < 0.1
        assert found["error bits without the gate"] > 50
        assert len(pictures(notebook)) == 7

    def test_your_own_model(self, executed):
        notebook, _, _ = executed("your_own_model")
        found = value(notebook)
        assert found["delay_line, worst error bits"] < found["lstm, best error bits"]
        assert found["delay_line, payload error at 4x6"] == pytest.approx(0.25, abs=0.06)
        assert found["ages"] in ([5, 9, 13], [6, 10, 14])
        assert len(pictures(notebook)) == 3

    @each_notebook
    @pytest.mark.parametrize("folder", ["", "src/cells"])
    def test_the_project_is_found_from_any_folder(self, path, folder, monkeypatch):
        """A kernel may have been started in any folder of the project; the lines before the imports of src."""
        before, *_ = code_cells(read(path))[0].source.replace("%matplotlib inline", "").split("from src.")
        monkeypatch.chdir(ROOT / folder)
        monkeypatch.setattr(sys, "path", [one for one in sys.path if Path(one).resolve() != ROOT])
        exec(before, names := {})
        assert names["ROOT"] == ROOT
        assert str(ROOT) in sys.path
        names.get("temporary", contextlib.nullcontext()).__exit__(None, None, None)

    def test_a_failing_cell_is_an_error(self):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 > 2")])
        with pytest.raises(Exception, match="assert 1 > 2"):
            execute(notebook, ROOT)


@each_notebook
class TestCommitted:
    def test_outputs_are_complete(self, path):
        notebook = read(path)
        nbformat.validate(notebook)
        cells = code_cells(notebook)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert {output.output_type for output in outputs(notebook)} <= {"stream", "display_data", "execute_result"}
        assert {output.get("name", "stdout") for output in outputs(notebook)} == {"stdout"}
        assert value(notebook)

    def test_no_absolute_path(self, path):
        notebook = read(path)
        for text in (*texts(notebook), *(cell.source for cell in notebook.cells)):
            assert not ABSOLUTE.search(text), text
        assert ABSOLUTE.search("in /home/someone/lab")
        assert not ABSOLUTE.search("outputs/published/runs")

    def test_size_and_metadata(self, path):
        notebook = read(path)
        assert path.stat().st_size < SIZE
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"
        assert all(not cell.metadata for cell in notebook.cells)

    def test_every_figure_is_explained(self, path):
        """Between two figures a text says what to look for."""
        explained = True
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                explained = explained or "*What to look for:*" in cell.source
            elif pictures(nbformat.v4.new_notebook(cells=[cell])):
                assert explained
                explained = False
        assert explained


if __name__ == "__main__":
    for one in [path for path in NOTEBOOKS if path.stem in sys.argv[1:] or not sys.argv[1:]]:
        made = execute(read(one), one.parent)
        made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
        for cell in made.cells:
            cell.metadata = {}
        nbformat.write(made, one)
        print(one.relative_to(ROOT))
