"""Result files of a search, from made-up results."""

from types import SimpleNamespace

import pytest

pytest.importorskip("optuna")

from src.search import results


def test_a_figure_that_cannot_be_drawn_is_a_warning(tmp_path, monkeypatch, caplog):
    def broken(*arguments):
        raise RuntimeError("no LaTeX")

    monkeypatch.setattr(results, "minimised", lambda plan: "validation bits")
    monkeypatch.setattr(results, "importances", lambda study: {"optimizer.lr": 1.0})
    monkeypatch.setattr("src.figures.best_so_far.best_so_far", broken)
    plan = SimpleNamespace(folder=tmp_path, seeds=[], models={"ntm": SimpleNamespace(space={"optimizer.lr": ""})})
    one = results.TrialResult("ntm", 0, "complete", 2.0, {"optimizer.lr": 0.1}, {}, None)
    results.write(plan, {"ntm": None}, [one])
    assert {path.name for path in tmp_path.iterdir()} == {"trials.csv", "importance.csv", "importance.png"}
    assert [record.getMessage() for record in caplog.records] == [
        "The figure history cannot be drawn: RuntimeError: no LaTeX"
    ]


def test_a_trial_whose_run_folders_are_gone_comes_after_equals():
    kept = {0: {"parameters": 5}}
    found = [
        results.TrialResult("ntm", number, "complete", value, {}, seeds, None)
        for number, value, seeds in ((0, 2.0, {}), (1, 2.0, kept), (2, 1.0, {}))
    ]
    assert [one.number for one in results.ranked(found, "ntm")] == [2, 1, 0]
