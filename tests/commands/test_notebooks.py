"""Notebooks run from a clean kernel, hold what they say, and are committed with their outputs.

After a change of a notebook, `python -m tests.commands.test_notebooks` runs them all and writes their outputs, and
nothing else that the tests would mind.
"""

import ast
import re
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
#: Seconds that a notebook may take; it takes some 15 to 25, and twice that beside other work.
SECONDS = 180
#: Bytes of a notebook with its outputs.
SIZE = 400_000
#: Paths of one machine.
ABSOLUTE = re.compile(r"(?<![\w.:/])/(home|root|tmp|usr|opt|mnt|var|work|Users|private)/|[A-Z]:\\")


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook):
    """All text that was put out."""
    for output in outputs(notebook):
        yield output.get("text", "")
        yield from (value for kind, value in output.get("data", {}).items() if kind.startswith("text/"))


def pictures(notebook):
    return [output for output in outputs(notebook) if "image/png" in output.get("data", {})]


def value(notebook):
    """What the last cell says was found."""
    return ast.literal_eval(code_cells(notebook)[-1].outputs[-1].data["text/plain"])


def execute(notebook, folder):
    """Run a notebook in a kernel of its own that was started in a folder; nothing is written back."""
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=where).execute()
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]
    return notebook


def files():
    """The files that a notebook could have changed, and when each was changed."""
    folders = [ROOT / name for name in ("conf", "notebooks", "outputs/published", "src", "tests")]
    inside = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path: path.stat().st_mtime_ns for path in [*ROOT.glob("[!.]*"), *inside] if path.is_file()}


@pytest.fixture(autouse=True)
def a_home_of_its_own(tmp_path, monkeypatch):
    """Kernels neither read nor write what the user set up."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def runs():
    """Notebooks that were run, their seconds, and whether they left the project as it was, by name."""
    return {}


@pytest.fixture
def executed(runs):
    """Runs a notebook from the folder that it lies in, once."""

    def run(name):
        if name not in runs:
            before, began = files(), time.perf_counter()
            notebook = execute(read(ROOT / "notebooks" / f"{name}.ipynb"), ROOT / "notebooks")
            runs[name] = notebook, time.perf_counter() - began, files() == before
        return runs[name]

    return run


def test_there_are_notebooks():
    assert [path.stem for path in NOTEBOOKS] == ["one_sequence", "your_own_model"]


class TestExecuted:
    @each_notebook
    def test_in_time_and_without_a_trace(self, path, executed):
        _, seconds, untouched = executed(path.stem)
        assert seconds < SECONDS
        assert untouched

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

    @pytest.mark.parametrize("folder", ["", "src/cells"])
    def test_the_project_is_found_from_elsewhere(self, folder):
        """A kernel may have been started in any folder of the project."""
        notebook = read(ROOT / "notebooks" / "one_sequence.ipynb")
        notebook.cells = code_cells(notebook)[:1]
        execute(notebook, ROOT / folder)

    def test_what_fails_is_seen(self):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("assert 1 > 2")])
        with pytest.raises(Exception, match="assert 1 > 2"):
            execute(notebook, ROOT)


@each_notebook
class TestCommitted:
    def test_outputs_are_whole(self, path):
        notebook = read(path)
        nbformat.validate(notebook)
        cells = code_cells(notebook)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert {output.output_type for output in outputs(notebook)} <= {"stream", "display_data", "execute_result"}
        assert {output.get("name", "stdout") for output in outputs(notebook)} == {"stdout"}
        assert value(notebook)

    def test_no_path_of_a_machine(self, path):
        notebook = read(path)
        for text in (*texts(notebook), *(cell.source for cell in notebook.cells)):
            assert not ABSOLUTE.search(text), text
        assert ABSOLUTE.search("in /home/someone/lab")
        assert not ABSOLUTE.search("outputs/published/runs")

    def test_small_and_plain(self, path):
        notebook = read(path)
        assert path.stat().st_size < SIZE
        assert set(notebook.metadata) == {"kernelspec", "language_info"}
        assert notebook.metadata.kernelspec.name == "python3"
        assert all(not cell.metadata for cell in notebook.cells)

    def test_every_figure_is_explained(self, path):
        """Before the next figure comes, a text has said what to look for."""
        explained = True
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                explained = explained or "*What to look for:*" in cell.source
            elif pictures(nbformat.v4.new_notebook(cells=[cell])):
                assert explained
                explained = False
        assert explained


if __name__ == "__main__":
    for one in NOTEBOOKS:
        made = execute(read(one), one.parent)
        made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
        for cell in made.cells:
            cell.metadata = {}
        nbformat.write(made, one)
        print(one.relative_to(ROOT))
