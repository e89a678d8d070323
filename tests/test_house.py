"""What contributors rely on: hooks, the CI workflow, the pages about the house."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_the_hooks_are_valid_and_their_commands_are_there():
    pre_commit = str(Path(sys.executable).with_name("pre-commit"))
    assert run(pre_commit, "validate-config").returncode == 0
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["id"] for hook in repo["hooks"]] == ["ruff-check", "ruff-format", "mypy"]
    for hook in repo["hooks"]:
        program = ROOT / hook["entry"].split()[0]
        if program.parent == Path(sys.executable).parent:
            assert program.exists()


def test_the_hooks_find_what_is_wrong(tmp_path):
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


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_pages_name_files_that_are_there(page):
    """Every path in backquotes is one of the repository, or of a run folder."""
    import re

    text = (ROOT / page).read_text()
    for name in set(re.findall(r"`((?:src|conf|tests|notebooks)/[\w./]*)`", text)):
        assert (ROOT / name).exists(), f"{page} names {name}"


def test_the_map_in_the_architecture_page_has_every_room():
    """The rooms of src and those in the table are the same."""
    import re

    table = (ROOT / "ARCHITECTURE.md").read_text().split("## The life")[0]
    named = {
        name.rstrip("/")
        for row in table.splitlines() if row.startswith("| ") and not row.startswith("| floor")
        for name in re.findall(r"`([\w.]+/?)`", row.split("|")[2])
    }  # fmt: skip
    there = {path.name for path in (ROOT / "src").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert named == there - {"__init__.py", "__pycache__"}


def test_what_is_said_to_be_published_is_there():
    """Paths below outputs/published in pages, comments and examples."""
    import re

    pages = [*ROOT.glob("*.md"), *(ROOT / "src").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    named = {
        path.rstrip("./")
        for page in pages
        for path in re.findall(r"outputs/published(?:/[\w./-]+)?", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
