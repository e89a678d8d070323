"""The replay command: files, folders and contents."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from src.replay import gif
from src.replay.__main__ import refuse, replay
from src.replay.page import lookup
from src.settings import cli
from src.settings.errors import ConfigError
from tests.helpers import compose_replay
from tests.replay.test_page import data_of

pytestmark = pytest.mark.drawn

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the NTM's run."""
    return shutil.copytree(trained / "ntm", tmp_path / "run")


def replayed(*overrides):
    """The data of the page, how many frames the animation has, and the name of both."""
    page, animation = replay(compose_replay(*overrides))
    assert (page.suffix, animation.suffix, page.stem) == (".html", ".gif", animation.stem)
    with Image.open(animation) as image:
        return data_of(page.read_text()), image.n_frames, page.stem


def test_a_run_gets_both_files_and_is_left_as_it_was(run, caplog):
    caplog.set_level(logging.INFO)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    data, frames, name = replayed(f"run={run}", "fps=10")
    assert (data["steps"], frames, data["fps"]) == (12, 12, 10)
    assert data["runs"][0]["title"] == "ntm, seed 0, best checkpoint"
    assert name == "replay"
    assert caplog.messages == [f"ntm, seed 0, best checkpoint: {data['runs'][0]['verdict']}"]
    with Image.open(run / "replay.gif") as image:
        assert image.info["duration"] == 100
    written = {path for path in run.rglob("*") if path.is_file()}
    assert written - set(before) == {run / "replay.html", run / "replay.gif"}
    assert before == {path: path.read_bytes() for path in before}


def test_another_length_and_number_of_repeats(run):
    data, _, name = replayed(f"run={run}", "length=1", "repeats=4")
    assert (data["steps"], name) == (8, "replay_1x4")
    data, _, name = replayed(f"run={run}", "repeats=1")
    assert (data["steps"], name) == (9, "replay_3x1")


def test_a_larger_memory_is_logged(run, caplog):
    caplog.set_level(logging.INFO)
    data, *_ = replayed(f"run={run}", "length=7", "repeats=1")
    assert data["runs"][0]["heads"]["memory"]["shape"] == [17, 9, 5]
    assert "ntm, seed 0, best checkpoint: shown with 9 memory slots; trained with 8" in caplog.messages


def test_another_number_of_memory_slots_for_the_runs_with_a_memory(run, trained):
    data, *_ = replayed(f"run=[{run},{trained}/lstm]", "length=1", "repeats=2", "memory_slots=11")
    assert data["runs"][0]["heads"]["memory"]["shape"] == [6, 11, 5]
    assert data["runs"][1]["heads"] is None


def test_two_runs_side_by_side(run, trained):
    data, frames, name = replayed(f"run=[{run},{trained}/lstm]", "length=1", "repeats=3")
    assert [one["title"].split(",")[0] for one in data["runs"]] == ["ntm", "lstm"]
    assert [one["heads"] is None for one in data["runs"]] == [False, True]
    assert data["runs"][0]["target"] == data["runs"][1]["target"]
    assert (frames, name) == (7, "replay_1x3_and_lstm")
    assert (run / "replay_1x3_and_lstm.html").exists()
    assert not list((trained / "lstm").glob("replay*"))


def test_digits(trained, tmp_path):
    data, frames, name = replayed(f"run={trained}/digits_ntm", f"out={tmp_path}/new/deep")
    assert (data["steps"], frames, name) == (20, 20, "replay")
    assert (data["runs"][0]["target"], data["runs"][0]["y"]["shape"]) == (None, [20, 10])
    assert not list((trained / "digits_ntm").glob("replay*"))
    assert sorted(path.name for path in (tmp_path / "new" / "deep").iterdir()) == ["replay.gif", "replay.html"]


def test_the_last_checkpoint(run):
    (run / "checkpoints" / "best.ckpt").unlink()
    data, *_ = replayed(f"run={run}", "checkpoint=last", "length=1")
    assert data["runs"][0]["title"] == "ntm, seed 0, last checkpoint"


def test_colours_are_those_of_the_run_or_those_asked_for(run):
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace("cmap: jet", "cmap: magma"))
    assert replayed(f"run={run}", "length=1")[0]["colours"] == lookup("magma")
    assert replayed(f"run={run}", "length=1", "figure.cmap=viridis")[0]["colours"] == lookup("viridis")


def test_nothing_is_written_where_one_of_the_two_cannot_be_made(run, monkeypatch):
    def fails(*arguments):
        raise MemoryError

    monkeypatch.setattr(gif, "encode", fails)
    with pytest.raises(ConfigError, match=r"replay_1x2.gif: cannot be drawn \(MemoryError\)$"):
        replay(compose_replay(f"run={run}", "length=1"))
    assert not list(run.glob("*replay*"))


def test_on_the_command_line(trained, monkeypatch, tmp_path, capsys, unchecked_types):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src.replay", f"run={trained}/ntm", "lenght=3"])
    with pytest.raises(SystemExit) as end:
        cli.run("replay", lambda cfg: None, refuse)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("error: lenght=3: unknown key 'lenght'; must be one of checkpoint, ")
    assert not list(tmp_path.iterdir())


@pytest.mark.cold
def test_as_a_process(trained, tmp_path):
    command = [sys.executable, "-m", "src.replay", f"run={trained}/lstm", "length=1", "repeats=1", "out=here"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    verdict, *paths = done.stdout.splitlines()
    assert verdict.startswith("INFO lstm, seed 0, best checkpoint: ")
    assert paths == ["written: here/replay_1x1.html", "written: here/replay_1x1.gif"]
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert files == ["here", "here/replay_1x1.gif", "here/replay_1x1.html"]
