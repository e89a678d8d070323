"""Hooks, the CI workflow, paths named in pages, encodings of files, and the style of figures."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_hooks_are_valid_and_their_commands_exist():
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    assert run(pre_commit, "validate-config").returncode == 0
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["id"] for hook in repo["hooks"]] == ["ruff-check", "ruff-format", "mypy"]
    for hook in repo["hooks"]:
        program = ROOT / hook["entry"].split()[0]
        if program.parent == Path(sys.executable).parent:
            assert program.exists()


def test_the_hooks_refuse_a_file_with_errors(tmp_path):
    """The commands of the hooks, on a file that breaks a rule."""
    bad = tmp_path / "bad.py"
    bad.write_text("import os\nx = 'a'\n")
    for hook in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"][:2]:
        program, *arguments = hook["entry"].split()
        check = ["--check"] if "format" in arguments else []
        command = [str(Path(sys.executable).with_name(Path(program).name)), *arguments, *check]
        assert run(*command, str(bad)).returncode != 0


def test_the_workflow_runs_the_command_of_the_readme():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make test"]
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".ci" / "run").read_text()


PAGES = [str(page.relative_to(ROOT)) for page in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")))]


#: Files that a reader of a page writes.
OWN = {"conf/task/latch.yaml"}


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_pages_exist(page):
    """Every path in backquotes is one of the repository, or of a run folder."""
    import re

    text = (ROOT / page).read_text()
    for name in set(re.findall(r"`((?:src|conf|tests|notebooks)/[\w./]*)`", text)):
        assert (ROOT / name).exists() or name in OWN, f"{page} names {name}"


def test_published_files_named_in_texts_exist():
    """Paths below outputs/published in pages, comments and examples."""
    import re

    pages = [
        *(ROOT / page for page in PAGES),
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "conf").rglob("*.yaml"),
    ]
    named = {
        path.rstrip("./")
        for page in pages
        for path in re.findall(r"outputs/published(?:/[\w./-]+)?", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


FILES = sorted((ROOT / "src").rglob("*.py"))
#: Functions that open a file as text unless the mode has a "b", and the position of the mode among the arguments.
OPENING = {"open": 1, "fdopen": 1, ".open": 0, "read_text": None, "write_text": None, "NamedTemporaryFile": None}


def without_encoding(source):
    """Numbers of the lines of a source that read or write text in the encoding of the locale."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {one.arg: one.value for one in node.keywords}
        of_a_path = isinstance(node.func, ast.Attribute) and name not in ("io.open", "os.fdopen")
        short = name.split(".")[-1]
        place = OPENING.get(".open" if of_a_path and short == "open" else short)
        mode = given.get("mode", node.args[place] if place is not None and len(node.args) > place else None)
        binary = isinstance(mode, ast.Constant) and "b" in str(mode.value)
        if short == "NamedTemporaryFile":
            binary = binary or mode is None
        opens = short in OPENING and not binary and name != "tarfile.open"
        pipes = {"text", "universal_newlines"} & given.keys()
        if (opens or pipes) and "encoding" not in given:
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_text_is_read_and_written_with_an_encoding(path):
    assert list(without_encoding(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("open(path)", True),
        ("open(path, 'w')", True),
        ("open(path, mode='rb')", False),
        ("open(path, encoding='utf-8')", False),
        ("(a / b).open('a', newline='')", True),
        ("path.open('rb')", False),
        ("path.read_text()", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("path.read_bytes()", False),
        ("os.fdopen(3, 'w')", True),
        ("tempfile.NamedTemporaryFile(mode='w')", True),
        ("tempfile.NamedTemporaryFile()", False),
        ("tarfile.open(fileobj=buffer, mode='w:gz')", False),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command, encoding='utf-8')", False),
    ],
)
def test_which_lines_open_text_without_an_encoding(line, found):
    assert list(without_encoding(line)) == [1] * found


def test_logs_are_written_as_utf8():
    found = []
    for path in (ROOT / "conf" / "hydra" / "job_logging").glob("*.yaml"):
        handlers = yaml.safe_load(path.read_text(encoding="utf-8"))["handlers"].values()
        found += [one.get("encoding") for one in handlers if "File" in one["class"]]
    assert found == ["utf-8"]


def unstyled_imports(source):
    """Imports of matplotlib that depend on the settings of the calling process, or on a backend."""
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name}" for name in names]
        for name in names:
            if name.startswith(("matplotlib.pyplot", "matplotlib.pylab", "pylab")) or name in (
                "matplotlib.figure",
                "matplotlib.figure.Figure",
            ):
                yield name


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_figures_are_made_in_the_default_style(path):
    """`src.figures.style` defines the only class of figures."""
    found = list(unstyled_imports(path.read_text(encoding="utf-8")))
    assert found == (["matplotlib.figure"] if path.name == "style.py" else [])


def test_which_imports_depend_on_settings():
    for line in (
        "import matplotlib.pyplot as plt",
        "from matplotlib import pyplot",
        "from matplotlib.figure import Figure",
    ):
        assert len(list(unstyled_imports(line))) == 1
    assert list(unstyled_imports("from matplotlib.figure import SubFigure")) == []


def test_abstract_methods_are_enforced():
    """`@abstractmethod` has no effect in a class that is not derived from ABC."""
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and "@abstractmethod" in ast.unparse(node):
                bases = {ast.unparse(base) for base in node.bases}
                assert bases & {"ABC", "Cell", "Task", "Generated"}, (
                    f"{path}: {node.name} must be derived from ABC"
                )
