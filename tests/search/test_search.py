"""Whole searches: budgets, result files, resumption, pruning, diverged and failed trials, faults, Ctrl-C."""

import csv
import itertools
import re
import shlex
import signal
from types import SimpleNamespace

import pytest

from src.callbacks import interrupt
from src.launch import sweep
from src.lit.divergence import Diverged
from src.lit.learner import Learner
from src.run import finalize, resume, train
from src.run.folder import RunFolder
from src.run.quiet import quiet
from src.search import __main__ as command
from src.search import plan as plans
from src.search import space, studies, work
from src.settings import cli
from src.settings.errors import ConfigError
from tests.helpers import written

pytest.importorskip("optuna")

RATES = "optimizer.lr=tag(log,interval(1e-3,1e-1))"
#: A learning rate that learns, and one that is too small to learn.
GOOD, BAD = "0.03", "1e-09"
GOOD_OR_NOT = ["spaces.mlp=['model.hidden_sizes=[8]']", f"optimizer.lr={GOOD},{BAD}", "sampler=random"]
GOOD_OR_NOT += ["sampler_seed=3"]


class Killed(BaseException):
    """Stands for the death of the process: nothing more is written."""


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def at_rate(monkeypatch):
    """Raise an error in updates of runs with a learning rate above a bound: at_rate(1e-2, RuntimeError("no"))."""

    def spoil(bound, error):
        step = Learner.training_step

        def spoiled(self, batch, batch_idx):
            if self.trainer.optimizers[0].defaults["lr"] > bound:
                raise error
            return step(self, batch, batch_idx)

        monkeypatch.setattr(Learner, "training_step", spoiled)
        return lambda: monkeypatch.setattr(Learner, "training_step", step)

    return spoil


def test_models_have_equal_budgets_and_the_best_trial_becomes_an_experiment(
    search, trials, tmp_path, capsys, monkeypatch
):
    both = ["model=mlp,gru", RATES, "spaces.gru=['model.hidden_size=int(interval(4,8))']"]
    assert search(*both) == 0
    found = trials()
    assert [(one.model, one.number, one.state) for one in found] == [
        (model, number, "complete") for model in ("mlp", "gru") for number in (0, 1)
    ]
    printed = capsys.readouterr().out
    assert re.findall(r"\[(\d) of 4\] (\w+) (\d): ", printed) == [
        ("1", "mlp", "0"), ("2", "gru", "0"), ("3", "mlp", "1"), ("4", "gru", "1")
    ]  # fmt: skip
    assert "mlp, 2 trials of seeds 201, 202: 2 complete" in printed
    for one in found:
        assert [metrics["seed"] for metrics in one.seeds.values()] == [201, 202]
        assert [metrics["updates"] for metrics in one.seeds.values()] == [3, 3]
        values = [1 - metrics["validation"]["accuracy"] for metrics in one.seeds.values()]
        assert one.value == pytest.approx(sum(values) / 2)
        folder = tmp_path / "tiny" / one.model / str(one.number)
        for seed in (201, 202):
            config = RunFolder(folder / f"seed_{seed}").read_config()
            assert config["seed"] == seed
            assert space.text(one.values["optimizer.lr"]) == str(config["optimizer"]["lr"])
    table = rows(tmp_path / "tiny" / "trials.csv")
    assert [row["value"] for row in table] == [str(one.value) for one in found]
    assert [row["model.hidden_size"] != "" for row in table] == [False, False, True, True]
    assert (tmp_path / "tiny" / "history.png").exists()

    # The printed command that runs the best trial again has the same result.
    best = min(found[:2], key=lambda one: one.value)
    (again,) = re.findall(
        r"^python -m src.train (.*)    # the best: .*/conf/experiment/tiny/mlp.yaml$", printed, re.M
    )
    content = (tmp_path / "conf" / "experiment" / "tiny" / "mlp.yaml").read_text().splitlines()
    which = f"tiny ({plans.load(tmp_path / 'tiny').id})"
    comment = (
        f"# Chosen by the search {which}: trial {best.number}, the least 1 - validation accuracy, {best.value:.4g}"
    )
    assert content[1] == comment
    assert content[2] == "# on average over seeds 201, 202, of trials that are 2 complete."
    assert content[3].startswith("# Written by: python -m src.search name=tiny ")
    again = [*shlex.split(again), "seed=202", "logger=none", "trainer.enable_progress_bar=false"]
    (job,) = cli.composed("train", again)
    outcome = train.train(job.config, tmp_path / "again")
    assert outcome.metrics["validation"] == best.seeds[202]["validation"]

    # Given once more, the command runs nothing; with more trials, the missing ones.
    with monkeypatch.context() as nothing:
        nothing.setattr(train, "train", lambda *_, **__: pytest.fail("trained"))
        nothing.setattr(train, "resume", lambda *_, **__: pytest.fail("trained"))
        assert search(*both) == 0
        with pytest.raises(ConfigError) as refusal:
            search(*both, "seeds=[201]")
        assert str(refusal.value) == (
            "name='tiny': was begun with seeds=[201, 202], and now has [201]; "
            "must be the same to resume it, or a search of another name"
        )
        with pytest.raises(ConfigError, match=r"was begun with models\.mlp\.space\.optimizer\.lr="):
            search(*both, "optimizer.lr=1e-3,1e-2")
    assert trials() == found
    assert search(*both, "trials=3") == 0
    assert trials()[:2] == found[:2]
    assert [(one.model, one.number) for one in trials()] == [(m, n) for m in ("mlp", "gru") for n in range(3)]

    # A search of the same name in another folder is another search, and may not overwrite the experiments.
    with pytest.raises(ConfigError, match=r"^write='tiny': .*tiny/mlp\.yaml is not of this search"):
        search(*both, f"folder={tmp_path}/elsewhere")
    assert not (tmp_path / "elsewhere").exists()

    # A search that was not interrupted tries the same values.
    assert search(*both, "trials=3", "name=other", "write=null", "seeds=[201]") == 0
    other = rows(tmp_path / "other" / "trials.csv")
    keys = ["model.hidden_sizes", "optimizer.lr", "model.hidden_size"]
    assert [[row[key] for key in keys] for row in other] == [
        [row[key] for key in keys] for row in rows(tmp_path / "tiny" / "trials.csv")
    ]
    assert not (tmp_path / "conf" / "experiment" / "other").exists()


def test_trials_worse_than_the_median_are_pruned(search, trials, tmp_path, capsys):
    given = ["trainer.max_steps=40", "validate_every=4", "prune_trials=1", "prune_validations=3", "trials=5"]
    assert search(*GOOD_OR_NOT, *given) == 0
    found = trials()
    rates = [one.values["optimizer.lr"] for one in found]
    assert rates[0] == GOOD, "another sampler_seed is needed: this one does not begin with a good one"
    assert rates.count(BAD) >= 2
    for one in found:
        assert one.state == ("complete" if one.values["optimizer.lr"] == GOOD else "pruned")
        if one.state == "complete":
            assert [metrics["updates"] for metrics in one.seeds.values()] == [40, 40]
            continue
        (metrics,) = one.seeds.values()  # the second seed was not begun
        at = tmp_path / "tiny" / "mlp" / str(one.number) / "seed_201"
        assert (metrics["status"], metrics["updates"], metrics["test"]) == ("stopped", 16, {})
        assert metrics["error"] == "pruned: worse than the median of the trials before, after validation 4"
        assert [row["update"] for row in rows(at / "history.csv")] == ["4", "8", "12", "16"]
        assert (metrics["cause"], metrics["recoverable"]) == ("pruned", True)
        resume.settings(at, {})  # the run could be resumed
        assert resume.updates_of(resume.newest(at)) == 16
    assert f"{rates.count(GOOD)} complete, {rates.count(BAD)} pruned" in capsys.readouterr().out
    assert search(*GOOD_OR_NOT, *given, "name=all", "write=null", "prune=none", "trials=3") == 0
    assert {row["state"] for row in rows(tmp_path / "all" / "trials.csv")} == {"complete"}


def test_a_diverged_trial_counts_as_the_worst(search, trials, tmp_path, at_rate, capsys):
    at_rate(1e-2, Diverged("loss", float("nan"), 1))
    given = [*GOOD_OR_NOT, "trials=4", "prune=none"]
    assert search(*given) == 0
    for one in trials():
        diverged = one.values["optimizer.lr"] == GOOD
        assert one.state == ("diverged" if diverged else "complete")
        assert (one.value == float("inf")) == diverged
        assert list(one.seeds) == ([201] if diverged else [201, 202])
    assert "lr: 1.0e-09" in (tmp_path / "conf" / "experiment" / "tiny" / "mlp.yaml").read_text()
    assert " diverged" in capsys.readouterr().out
    at_rate(0, Diverged("loss", float("nan"), 1))
    assert search(*given, "name=none", "write=none", "trials=1") == 0
    assert not (tmp_path / "conf" / "experiment" / "none").exists()


def test_a_failed_trial_is_reported_and_the_others_continue(search, trials, tmp_path, at_rate, capsys, caplog):
    restore = at_rate(1e-2, RuntimeError("no such luck"))
    given = [*GOOD_OR_NOT, "trials=4", "prune=none"]
    assert search(*given) == 1
    states = {one.values["optimizer.lr"]: one.state for one in trials()}
    assert states == {GOOD: "failed", BAD: "complete"}
    failed = [one.number for one in trials() if one.state == "failed"]
    reported = [f"failed: {tmp_path}/tiny/mlp/{number}: RuntimeError: no such luck" for number in failed]
    lines = capsys.readouterr().err.splitlines()
    assert [text for text in lines if text.startswith("failed: ")] == reported
    assert lines[-1].endswith(" retry_failed=true    # retries the failed trials")
    before = trials()
    assert search(*given) == 1
    assert trials() == before

    # With retry_failed=true they are retried, and the failed ones no longer count.
    restore()
    capsys.readouterr()
    assert search(*given, "retry_failed=true", "dry_run=true") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[1] == str(len(failed))
    assert search(*given, "retry_failed=true") == 0
    assert f"[4 of 4] mlp {3 + len(failed)}: " in capsys.readouterr().out
    after = trials()
    assert [one.values for one in after[:4]] == [one.values for one in before]
    assert [one.number for one in after if one.state == "retried"] == failed
    assert [(one.state, one.values) for one in after[4:]] == [("complete", before[n].values) for n in failed]
    assert search(*given, "retry_failed=true") == 0
    assert trials() == after


@pytest.mark.parametrize("when", ["composing", "beginning", "training", "testing"])
def test_a_fault_of_the_machine_stops_the_search_and_costs_no_trial(search, trials, tmp_path, monkeypatch, when):
    where = {
        "composing": (work, "run", ConfigError("hydra.run.dir='a': cannot be written")),
        "beginning": (RunFolder, "write_config", None),
        "training": (Learner, "training_step", None),
        "testing": (finalize, "test_and_draw", None),
    }
    owner, name, refusal = where[when]

    def full(*_, **__):
        fault = OSError(28, "No space left on device")
        if refusal is None:
            raise fault
        raise refusal from fault

    with monkeypatch.context() as faulty:
        faulty.setattr(owner, name, full)
        with pytest.raises(ConfigError) as error:
            search(RATES, "seeds=[201]")
    at = f"{tmp_path}/tiny/mlp/0/seed_201: " if when in ("training", "testing") else ""
    text = "[Errno 28] No space left on device" if refusal is None else str(refusal)
    assert str(error.value) == f"{at}{text}; fix that, then repeat the command to resume"
    assert [one.state for one in trials()] == ["half-done"]
    assert search(RATES, "seeds=[201]") == 0
    assert [(one.number, one.state) for one in trials()] == [(0, "complete"), (1, "complete")]


def test_a_trial_whose_settings_are_refused_fails(search, trials, capsys, monkeypatch):
    monkeypatch.setattr(command, "check", lambda plan, asked: None)
    assert search("optimizer.lr=0,0.0", "trials=1", "spaces.mlp=['model.hidden_sizes=[8]']") == 1
    (one,) = trials()
    assert (one.state, one.seeds) == ("failed", {})
    assert one.error == "optimizer.lr=0.0: must be a finite number above 0"


@pytest.mark.parametrize("when", ["sampling", "training", "finishing"])
def test_a_trial_whose_process_died_is_resumed(search, trials, tmp_path, monkeypatch, when):
    given = ["seeds=[201]", RATES, "prune=none"]
    with monkeypatch.context() as fatal:
        if when == "sampling":
            fatal.setattr(space, "suggested", lambda *_: die())
        elif when == "finishing":
            fatal.setattr(work.studies, "finish", lambda *_: die())
        else:
            step = Learner.training_step
            fatal.setattr(
                Learner, "training_step", lambda self, *a: die() if self.global_step == 2 else step(self, *a)
            )
        with pytest.raises(Killed):
            search(*given)
    assert [one.state for one in trials()] == ["half-done"]
    at = tmp_path / "tiny" / "mlp" / "0" / "seed_201"
    assert (
        sweep.status_of(at).status
        == {"sampling": "waiting", "training": "half-done", "finishing": "finished"}[when]
    )
    counted, steps = [], Learner.training_step
    monkeypatch.setattr(Learner, "training_step", lambda self, *a: counted.append(1) or steps(self, *a))
    assert search(*given) == 0
    assert [(one.number, one.state) for one in trials()] == [(0, "complete"), (1, "complete")]
    assert len(counted) == {"sampling": 6, "training": 4, "finishing": 3}[when]

    # It ends as in a search that was not interrupted.
    assert search(*given, "name=whole", "write=null") == 0
    for number in ("0", "1"):
        one, other = (tmp_path / name / "mlp" / number / "seed_201" for name in ("tiny", "whole"))
        assert written(one)["validation"] == written(other)["validation"]
        assert [row["accuracy"] for row in rows(one / "history.csv")] == [
            row["accuracy"] for row in rows(other / "history.csv")
        ]
    kept = ("model.hidden_sizes", "optimizer.lr", "value")
    one, other = (rows(tmp_path / name / "trials.csv") for name in ("tiny", "whole"))
    assert [[row[key] for key in kept] for row in one] == [[row[key] for key in kept] for row in other]


def die():
    raise Killed


def test_ctrl_c_stops_with_a_checkpoint_and_prints_how_to_resume(search, trials, tmp_path, monkeypatch, capsys):
    step = Learner.training_step

    def interrupted(self, *arguments):
        if self.global_step == 1:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    with monkeypatch.context() as stopping:
        stopping.setattr(Learner, "training_step", interrupted)
        assert search(RATES) == 130
    printed = capsys.readouterr()
    assert printed.err.splitlines()[-1].startswith("stopped; to resume: python -m src.search name=tiny ")
    assert printed.err.splitlines()[-1].endswith("'optimizer.lr=tag(log,interval(1e-3,1e-1))'")
    (one,) = trials()
    assert (one.state, one.seeds[201]["status"], one.seeds[201]["updates"]) == ("half-done", "stopped", 2)
    (trial,) = studies.opened(plans.load(tmp_path / "tiny"))["mlp"].trials
    assert trial.user_attrs[studies.TAKES][0] == 0
    assert search(RATES) == 0
    assert [one.state for one in trials()] == ["complete", "complete"]


@pytest.mark.parametrize("when", ["a second one", "in the test"])
def test_ctrl_c_that_ends_lightning_stops_the_search_too(search, trials, monkeypatch, capsys, when):
    def tested(parts):
        with quiet():
            parts.trainer.test(parts.learner, datamodule=parts.task, verbose=False)
        pytest.fail("continued after Ctrl-C")

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as stopping:
        stopping.setattr(finalize, "test_and_draw", tested)
        stopping.setattr(Learner, "training_step" if when == "a second one" else "test_step", interrupt)
        assert search(RATES, "seeds=[201]") == 130
    signal.signal(signal.SIGINT, before)  # Lightning ignores the signal after the first
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("stopped; to resume: python -m src.search name=tiny ")
    )
    assert search(RATES, "seeds=[201]") == 0
    assert [(one.number, one.state) for one in trials()] == [(0, "complete"), (1, "complete")]


def test_an_exit_that_a_cluster_asks_for_does_not_count_as_ctrl_c(search, trials, monkeypatch):
    def end(*_):
        raise SystemExit(3)

    monkeypatch.setattr(Learner, "training_step", end)
    with pytest.raises(SystemExit) as ended:
        search(RATES)
    assert ended.value.code == 3
    assert [one.state for one in trials()] == ["half-done"]


def test_a_run_that_a_callback_ended_counts_as_finished(search, trials):
    early = ["_target_=lightning.pytorch.callbacks.EarlyStopping", "monitor=validation/accuracy"]
    early += ["min_delta=9", "patience=1", "mode=max"]
    assert search("model=mlp", RATES, *(f"+callbacks.early.{one}" for one in early)) == 0
    for one in trials():
        assert one.state == "complete"
        assert [metrics["status"] for metrics in one.seeds.values()] == ["finished", "finished"]
        assert [metrics["updates"] for metrics in one.seeds.values()] == [2, 2]


def test_a_run_that_a_time_limit_stopped_counts_as_complete(search, trials, tmp_path, monkeypatch):
    """The search continues, and the run is not resumed when its trial is taken again."""
    monkeypatch.setattr(interrupt.time, "monotonic", itertools.count().__next__)
    assert search("model=mlp", RATES, "+trainer.max_time={seconds:2}") == 0
    for one in trials():
        assert one.state == "complete"
        assert [metrics["status"] for metrics in one.seeds.values()] == ["stopped", "stopped"]
    folder = tmp_path / "tiny" / "mlp" / "0" / "seed_201"
    monkeypatch.setattr(work, "run_job", lambda *given, **others: pytest.fail("the run was resumed"))
    job = SimpleNamespace(folder=folder)
    assert work.run(job, None) == written(folder)
