"""Refusals of replays, with their texts."""

import shutil

import pytest

from src.replay.__main__ import refuse, replay
from src.replay.request import choose_examples, open_runs
from src.settings.errors import ConfigError
from tests.helpers import compose_replay

POSITIVE = "must be an integer of at least 1"
NO_RUN = "must be the folder of a run, or a list of two: python -m src.replay run=outputs/runs/..."


def refused(folder, text, *overrides, check=refuse):
    before = sorted(folder.rglob("*"))
    with pytest.raises(ConfigError) as refusal:
        check(compose_replay(*overrides))
    assert str(refusal.value) == text
    assert sorted(folder.rglob("*")) == before


def test_values(trained):
    run = f"run={trained}/ntm"
    refused(trained, f"run=None: {NO_RUN}")
    refused(trained, f"run=[]: {NO_RUN}", "run=[]")
    refused(trained, f"run=['a', 'b', 'c']: {NO_RUN}", "run=[a,b,c]")
    refused(trained, f"run=['a', None]: {NO_RUN}", "run=[a,null]")
    refused(trained, f"length=0: {POSITIVE}", run, "length=0")
    refused(trained, f"repeats=2.5: {POSITIVE}", run, "repeats=2.5")
    refused(trained, "checkpoint='first': must be one of best, last", run, "checkpoint=first")
    refused(trained, "fps=0: must be a finite number above 0 and of at most 50", run, "fps=0")
    refused(trained, "fps=60: must be a finite number above 0 and of at most 50", run, "fps=60")
    refused(trained, f"memory_slots=0: {POSITIVE}", run, "memory_slots=0")
    text = "memory_slots=9: lstm has no memory; must be null"
    refused(trained, text, f"run={trained}/lstm", "memory_slots=9")
    refused(trained, "figure.cmap='nope': must be a colour map of matplotlib, such as jet, viridis or cividis",
            run, "figure.cmap=nope")  # fmt: skip


def test_runs_that_cannot_be_opened(trained, tmp_path):
    allowed = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"
    refused(trained, f"run='{trained}/nowhere': no such folder; {allowed}", f"run={trained}/nowhere")
    refused(
        trained, f"run='{trained}/nowhere': no such folder; {allowed}", f"run=[{trained}/ntm,{trained}/nowhere]"
    )
    (tmp_path / "foreign").mkdir()
    refused(tmp_path, f"run='{tmp_path}/foreign': holds no config.yaml; {allowed}", f"run={tmp_path}/foreign")
    bare = shutil.copytree(trained / "ntm", tmp_path / "bare", ignore=shutil.ignore_patterns("*.ckpt"))
    text = f"checkpoint '{bare}/checkpoints/best.ckpt': does not exist; the run must have saved one"
    refused(tmp_path, text, f"run={bare}")


def test_a_network_that_answers_once(trained):
    text = (
        f"run='{trained}/digits_mlp': mlp answers once, and there is no time to move through; "
        "must be a run of a model that goes step by step, such as lstm or ntm"
    )
    refused(trained, text, f"run={trained}/digits_mlp")
    refused(trained, text, f"run=[{trained}/digits_ntm,{trained}/digits_mlp]")


def test_sequences_that_do_not_suit_the_task(trained):
    own = "must be one of checkpoint, figure, fps, memory_slots, out, run"
    text = f"length=5: unknown key 'length'; {own}; mnist1d has no sizes to choose"
    refused(trained, text, f"run={trained}/digits_ntm", "length=5")
    text = f"lenght=5: unknown key 'lenght'; {own} or, on repeat_copy, length, repeats; did you mean 'length'?"
    refused(trained, text, f"run={trained}/ntm", "lenght=5")
    text = f"chekpoint='last': unknown key 'chekpoint'; {own} or, on repeat_copy, length, repeats; did you mean"
    refused(trained, f"{text} 'checkpoint'?", f"run={trained}/ntm", "chekpoint=last")
    text = "would take 1,003 steps; must be so small that it takes at most 1,000"
    refused(trained, f"length=100, repeats=9: {text}", f"run={trained}/ntm", "length=100", "repeats=9")
    refused(
        trained, f"length=3, repeats=333: {text.replace('1,003', '1,005')}", f"run={trained}/ntm", "repeats=333"
    )
    refuse(compose_replay(f"run={trained}/ntm", "length=99", "repeats=9"))


def test_a_sequence_past_the_positions_of_the_model(trained, monkeypatch):
    monkeypatch.setattr("src.networks.recurrent.Recurrent.longest_sequence", 5)
    text = "length=3, repeats=4: takes 18 steps; must take at most 5: model.name='ntm' in this run"
    refused(trained, text, f"run={trained}/ntm", "length=3", "repeats=4")


def test_two_runs_that_do_not_go_together(trained):
    def pair(one, other):
        return f"run=[{trained}/{one},{trained}/{other}]", f"run=['{trained}/{one}', '{trained}/{other}']"

    runs, name = pair("ntm", "digits_ntm")
    text = "are on repeat_copy and mnist1d; two runs side by side must be on the same task"
    refused(trained, f"{name}: {text}", runs)
    runs, name = pair("ntm", "wide")
    text = "have 10 and 6 inputs a step; two runs side by side must have the same kind of sequence"
    refused(trained, f"{name}: {text}", runs)
    runs, name = pair("digits_gru", "digits_ntm")
    text = "have 40 and 20 steps; two runs side by side must have the same kind of sequence"
    refused(trained, f"{name}: {text}", runs)


def test_two_runs_with_different_first_examples(trained):
    two = f"run=[{trained}/ntm,{trained}/dms_ntm]"
    text = "the first example has 3 in one run and 2 in the other; must be an integer of at least 1 for these two"
    refused(trained, f"length=None: {text}", two)
    refused(trained, f"length=None: {text}", two, "repeats=2")
    refuse(compose_replay(two, "length=3"))
    two = f"run=[{trained}/lstm,{trained}/ntm]"
    refused(trained, f"repeats=None: {text}", two)


def test_tasks_whose_first_examples_have_different_answers(trained, monkeypatch):
    """As two sets of digits may; it is seen only when they are made."""
    request, runs = open_runs(compose_replay(f"run=[{trained}/digits_ntm,{trained}/digits_ntm]"))
    tasks = [run.task for run in runs]
    assert len({example.title for example in choose_examples(request, tasks)}) == 1
    first, second = tasks[1].examples()
    tasks[1].examples = lambda: [second._replace(y=(first.y + 1) % 10)]
    with pytest.raises(ConfigError) as refusal:
        choose_examples(request, tasks)
    text = f"show {first.title!r} and {second.title!r}; two runs side by side must answer the same sequence"
    assert str(refusal.value) == f"run={request.folders!r}: {text}"


def test_a_folder_that_cannot_be_written(trained, tmp_path):
    (tmp_path / "file").write_text("precious")
    for check in (refuse, replay):
        refused(
            tmp_path,
            f"out='{tmp_path}/file/deep': cannot be written (Not a directory); must be a folder that can",
            f"run={trained}/ntm",
            f"out={tmp_path}/file/deep",
            check=check,
        )
    refuse(compose_replay(f"run={trained}/ntm", f"out={tmp_path}/new/deep"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
