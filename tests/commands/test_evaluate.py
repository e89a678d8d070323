"""Evaluation of a finished run: the same tests again, other test cells, a larger memory, and refusals."""

import logging
import shutil

import pytest

from src.evaluate import evaluate, main, refuse
from src.settings.errors import ConfigError
from tests.helpers import compose_evaluate, train_small, written

BITS = {"bits", "error_bits", "payload_error", "end_error", "end_exact", "exact", "loss"}
DETAILS = {"shifted", "lost", "end_early", "end_late", "end_at"}
BITS |= DETAILS


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Runs of a single update, by model."""
    folder = tmp_path_factory.mktemp("trained")
    train_small(folder / "ntm", "trainer.max_steps=2", "model.controller=lstm", model="ntm")
    train_small(folder / "lstm", model="lstm")
    train_small(folder / "mlp", model="mlp", task="mnist1d")
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A copy of the NTM's run."""
    return shutil.copytree(trained / "ntm", tmp_path / "run")


def evaluated(run, *overrides):
    return evaluate(compose_evaluate(f"run={run}", *overrides))


def refused(run, text, *overrides, check=evaluate):
    before = sorted(path.name for path in run.rglob("*")) if run.is_dir() else None
    with pytest.raises(ConfigError) as refusal:
        check(compose_evaluate(f"run={run}", *overrides))
    assert str(refusal.value).startswith(text)
    assert before == (sorted(path.name for path in run.rglob("*")) if run.is_dir() else None)


def test_an_evaluation_repeats_the_test_of_the_run_and_leaves_its_files_unchanged(run):
    before = {name: (run / name).read_bytes() for name in ("config.yaml", "metrics.json", "history.csv")}
    evaluation = evaluated(run)
    metrics = written(run)
    assert evaluation == written(run, "evaluation.json")
    assert evaluation["test"] == metrics["test"]
    expected = {"model": "ntm", "task": "repeat_copy", "seed": 0, "checkpoint": "best"}
    assert {key: evaluation[key] for key in expected} == expected
    assert before == {name: (run / name).read_bytes() for name in before}
    assert not (run / ".hydra").exists()


def test_the_terminal_shows_how_answers_fail_in_a_table_of_its_own(run, trained, capsys):
    main(compose_evaluate(f"run={run}"))
    headers = [set(line.split()) for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert DETAILS in headers
    assert (BITS - DETAILS) | {"memory_slots"} in headers
    main(compose_evaluate(f"run={trained / 'mlp'}"))
    assert capsys.readouterr().out.count("accuracy") == 1


def test_other_test_cells(run):
    evaluation = evaluated(run, "test_cells=[[2,5],[6,1]]")
    assert set(evaluation["test"]) == {"in_distribution", "2x5", "6x1"}
    assert all(set(one) == BITS | {"memory_slots"} for one in evaluation["test"].values())
    assert evaluation["test"]["in_distribution"] == written(run)["test"]["in_distribution"]
    figures = {path.stem for path in (run / "figures").glob("evaluation_*.png")}
    names = ("target_output", "memory", "head_weights", "head_weights_2x5", "head_weights_6x1")
    assert figures == {f"evaluation_{name}" for name in names}


def test_a_grid_is_every_pair_of_the_lists(run):
    evaluation = evaluated(run, "test_cells=[]", "grid.lengths=[4,2]", "grid.repeats=[1,3]")
    assert list(evaluation["test"]) == ["in_distribution", "2x1", "2x3", "4x1", "4x3"]
    assert evaluation["grid"] == {"lengths": [2, 4], "repeats": [1, 3]}
    for metric in ("payload_error", "end_error", "end_exact", "exact", "error_bits", "shifted", "lost", "end_at"):
        assert (run / "figures" / f"evaluation_grid_{metric}.png").stat().st_size > 0


def test_an_axis_without_a_list_has_its_largest_value_of_training(run):
    evaluation = evaluated(run, "test_cells=[]", "grid.lengths=[4,2]")
    assert evaluation["grid"] == {"lengths": [2, 4], "repeats": [2]}
    assert list(evaluation["test"]) == ["in_distribution", "2x2", "4x2"]


def test_a_cell_is_the_same_in_a_grid_and_as_a_test_cell(run):
    one = evaluated(run, "test_cells=[[3,4]]")["test"]["3x4"]
    other = evaluated(run, "test_cells=[]", "grid.lengths=[3]", "grid.repeats=[4]")["test"]["3x4"]
    assert one == other == written(run)["test"]["3x4"]


def test_the_memory_grows_where_a_test_cell_needs_it_and_the_log_says_so(run, caplog):
    caplog.set_level(logging.INFO)
    tests = evaluated(run, "test_cells=[[6,1],[7,1],[9,2]]")["test"]
    # A slot for each word, one for the delimiter and one for the repeat count; trained with 8.
    slots = {name: one["memory_slots"] for name, one in tests.items()}
    assert slots == {"in_distribution": 8, "6x1": 8, "7x1": 9, "9x2": 11}
    assert "7x1: tested with 9 memory slots; trained with 8" in caplog.messages
    assert not [message for message in caplog.messages if message.startswith("6x1: tested with")]


def test_a_larger_memory_for_all_tests(run):
    tests = evaluated(run, "memory_slots=12", "test_cells=[[3,4],[12,1]]")["test"]
    assert {name: one["memory_slots"] for name, one in tests.items()} == {
        "in_distribution": 12,
        "3x4": 12,
        "12x1": 14,
    }
    assert tests["3x4"]["bits"] != written(run)["test"]["3x4"]["bits"]


def test_steps_after_the_answer_change_nothing_but_where_a_late_end_is_seen(run):
    """A run of two updates says no end, which counts as said right after the last step."""
    cells = ("test_cells=[[3,4]]", "grid.lengths=[2]", "grid.repeats=[1]")
    before, after = evaluated(run, *cells), evaluated(run, *cells, "prolong=6")
    assert (before["prolong"], after["prolong"]) == (0, 6)
    assert before["test"]["in_distribution"] == after["test"]["in_distribution"]
    for name, right in {"3x4": 12, "2x1": 2}.items():
        shorter, longer = before["test"][name], after["test"][name]
        assert (shorter["end_at"], longer["end_at"]) == pytest.approx(((right + 1) / right, (right + 7) / right))
        assert shorter["end_late"] == longer["end_late"] == 1.0
        assert {**longer, "end_at": shorter["end_at"]} == pytest.approx(shorter)


def test_steps_after_the_answer_that_cannot_be(run, trained):
    refused(run, "prolong=-1: must be an integer of at least 0", "prolong=-1")
    text = "prolong=3: is for tasks with the metric end_at, as repeat_copy has; must be 0 on mnist1d"
    refused(trained / "mlp", text, "prolong=3")


def test_the_last_checkpoint(run):
    shutil.copy(run / "checkpoints" / "last.ckpt", run / "checkpoints" / "kept.ckpt")
    (run / "checkpoints" / "best.ckpt").unlink()
    evaluation = evaluated(run, "checkpoint=last")
    assert evaluation["checkpoint"] == "last"
    assert set(evaluation["test"]) == {"in_distribution", "3x4"}
    refused(run, f"checkpoint '{run}/checkpoints/best.ckpt': does not exist")


def test_a_run_on_mnist1d(trained):
    run = trained / "mlp"
    evaluation = evaluated(run)
    assert evaluation["test"] == written(run)["test"]
    assert (run / "figures" / "evaluation_reading.png").exists()


def test_cells_past_the_positions_of_the_model_are_refused(run, monkeypatch):
    monkeypatch.setattr("src.networks.recurrent.Recurrent.longest_sequence", 20)
    most = "must take at most 20: model.name='ntm' in this run"
    refused(run, f"test_cells=[[2, 9]]: takes 23 steps; {most}", "test_cells=[[2,9]]")
    refused(
        run, "grid={'lengths': [2], 'repeats': [1, 10]}: takes 25 steps", "grid.lengths=[2]", "grid.repeats=[1,10]"
    )


def test_settings_that_do_not_fit_the_run_are_refused(run, trained):
    refused(run, "grid.repeats[0]=0: must be an integer of at least 1", "grid.lengths=[2]", "grid.repeats=[0]")
    refused(run, "grid.lengths=3: must be a list of integers", "grid.lengths=3", "grid.repeats=[1]")
    refused(run, "test_cells[1]=[1]: must be one value for each of [length, repeats]", "test_cells=[[1,2],[1]]")
    refused(run, "test_cells[0][1]=2.5: must be an integer of at least 1", "test_cells=[[1,2.5]]")
    refused(run, "test_cells='10x20': must be a list of [length, repeats] values", "test_cells=10x20")
    refused(run, "memory_slots=0: must be an integer of at least 1", "memory_slots=0")
    refused(run, "checkpoint='first': must be one of best, last", "checkpoint=first")
    refused(run, "figure.cmap='nope': must be a colour map", "figure.cmap=nope")
    refused(trained / "lstm", "memory_slots=9: lstm has no memory; must be null", "memory_slots=9")
    text = "grid.lenghts=[2]: unknown key 'grid.lenghts'; must be under grid one of lengths, repeats; did you mean"
    refused(run, f"{text} 'lengths'?", "grid.lenghts=[2]", "grid.repeats=[2]")
    other = "is for runs on a task with test cells, as repeat_copy has; must be"
    refused(trained / "mlp", f"test_cells=[[1, 2]]: {other} null on mnist1d", "test_cells=[[1,2]]")
    refused(trained / "mlp", f"grid.lengths=[1]: {other} left out on mnist1d", "grid.lengths=[1]")


def test_a_folder_without_a_run_is_refused(run, tmp_path):
    refused(
        tmp_path / "nowhere", f"run='{tmp_path}/nowhere': no such folder; must be the folder of a", check=refuse
    )
    (tmp_path / "foreign").mkdir()
    refused(tmp_path / "foreign", f"run='{tmp_path}/foreign': holds no config.yaml", check=refuse)
    (tmp_path / "foreign" / "config.yaml").write_text("a: 1\n")
    refused(tmp_path / "foreign", f"run='{tmp_path}/foreign': config.yaml is not one of src.train", check=refuse)
    (tmp_path / "foreign" / "config.yaml").write_text("a: [\n")
    refused(tmp_path / "foreign", f"run='{tmp_path}/foreign': config.yaml is damaged", check=refuse)
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("run_format: 1", "run_format: 99"))
    refused(run, f"run='{run}': was written in format 99; must be format 1", check=refuse)


def test_a_damaged_or_foreign_checkpoint_is_refused(run, trained):
    best = run / "checkpoints" / "best.ckpt"
    whole = best.read_bytes()
    best.write_bytes(whole[: len(whole) // 2])
    refused(run, f"checkpoint '{best}': cannot be read as weights; it is damaged")
    best.write_bytes((trained / "lstm" / "checkpoints" / "best.ckpt").read_bytes())
    refused(run, f"checkpoint '{best}': does not fit the configuration of its run")


def test_a_figure_that_cannot_be_drawn_is_a_warning(run, monkeypatch, caplog):
    def broken(*arguments, **others):
        raise RuntimeError("no LaTeX")

    monkeypatch.setattr("src.run.cell_figures.metric_grid", broken)
    monkeypatch.setattr("src.callbacks.trace_figures.memory", broken)
    evaluation = evaluated(run, "test_cells=[]", "grid.lengths=[2]", "grid.repeats=[1]")
    assert written(run, "evaluation.json") == evaluation
    assert evaluation["test"]["2x1"]["bits"] > 0
    figures = {path.stem for path in (run / "figures").glob("evaluation_*.png")}
    assert {"evaluation_target_output", "evaluation_head_weights"} <= figures
    assert not [name for name in figures if "memory" in name or "grid" in name]
    assert "The figure grid_exact cannot be drawn: RuntimeError: no LaTeX" in caplog.text
    assert "The figure memory cannot be drawn" in caplog.text
