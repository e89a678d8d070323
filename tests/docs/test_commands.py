"""Every command shown in the README and in docs/ can be given: the command line of each is read and composed."""

import re
import sys

import pytest

from src.benchmark import __main__ as benchmark
from src.launch import submitit
from src.search import command as search
from src.settings import cli, keys
from src.study.__main__ import settings
from tests.docs.pages import PAGES, ROOT, commands, words

SHOWN = [(page.stem, one) for page in PAGES for one in commands(page.read_text(encoding="utf-8"))]
#: Placeholders for settings of the reader's own, whose files are not part of the project.
OWN = ("--config-dir",)
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def composed(name, arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    line = cli.read()
    if name == "search":
        search.read(line.overrides)
    elif name == "train" or line.asks_only:
        cli.composed(name, line.overrides, line.multirun)
    else:
        (job,) = cli.composed(name, line.overrides)
        if name == "study":
            settings(keys.resolve(job.config))


@pytest.mark.parametrize(("page", "shown"), SHOWN, ids=[f"{page}: {one}" for page, one in SHOWN])
def test_a_command_can_be_given(page, shown, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(submitit, "PROGRAMS", ())  # there may be no Slurm here
    program, *arguments = words(shown)
    if program == "make":
        target, *rest = arguments
        assert target in TARGETS | {"mnist1d_table", "repeat_copy_figure", "sigma_map", "default_runs"}
        for word in rest:
            name, _, value = word.partition("=")
            assert name in ("ARGS", "PIP_ARGS", "PYTHON")
            if name == "ARGS":
                composed("train" if target == "train" else "study", value.split(), monkeypatch)
        return
    if program == "tensorboard":
        assert arguments[0] == "--logdir"
        return
    if arguments == ["--help"]:
        assert program == "dms-ntm"
        return
    named = next(word for word in arguments if word.startswith("src.") or program == "dms-ntm")
    name, arguments = named.removeprefix("src."), arguments[arguments.index(named) + 1 :]
    if any(word in OWN for word in arguments):
        assert (page, name) in {("your_own_cell", "train"), ("your_own_task", "train")}
        return  # test_own_files.py runs them
    if name == "benchmark":
        measured = []
        for part in benchmark.PARTS.values():
            monkeypatch.setattr(part, "measure", lambda given: measured.append(given))
            monkeypatch.setattr(part, "markdown", str)
        monkeypatch.setattr(benchmark, "_check", lambda *_: None)
        monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
        benchmark.main()
        assert len(measured) == 1
        return
    composed(name, arguments, monkeypatch)
