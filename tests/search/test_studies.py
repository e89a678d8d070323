"""Studies of a search: each trial is taken by one worker, and resumed after its process died."""

import threading

import pytest

from src.search import command as settings
from src.search import plan as plans
from src.search import results, studies

optuna = pytest.importorskip("optuna")


@pytest.fixture
def plan(line):
    """The plan of a new search of two models."""
    given = line("model=mlp,gru", "optimizer.lr=tag(log,interval(1e-3,1e-1))", "sampler=random")
    plan, _ = settings.read(given)
    plan.folder.mkdir()
    return plans.begin(plan)


def test_parallel_workers_take_each_trial_once_and_no_more_than_asked_for(plan):
    taken, start = [], threading.Barrier(4)

    def worker():
        with studies.locked(plan.folder):
            opened = studies.opened(plan)
        start.wait()
        while (one := studies.take(plan, opened, trials=6)) is not None:
            taken.append((one.model, one.trial.number))
            studies.finish(opened[one.model], one.trial.number, "complete", one.values["optimizer.lr"])
            one.lock.release()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [(model, number) for model in ("gru", "mlp") for number in range(6)]
    # The random sampler gives a trial the same values in any process.
    one, other = (studies.opened(plan)["mlp"].trials[n].params["optimizer.lr"] for n in (3, 4))
    assert one != other
    alone = optuna.create_study(sampler=studies.sampler(plan, 3))
    assert settings.plan.space.suggested(alone.ask(), plan.models["mlp"].space)["optimizer.lr"] == one


def test_models_alternate_and_a_locked_trial_is_not_taken(plan):
    opened = studies.opened(plan)
    first, second, third = (studies.take(plan, opened, trials=2) for _ in range(3))
    assert [(one.model, one.trial.number) for one in (first, second, third)] == [
        ("mlp", 0),
        ("gru", 0),
        ("mlp", 1),
    ]
    values = second.values
    second.lock.release()  # its process has died
    again = studies.take(plan, opened, trials=2)
    assert (again.model, again.trial.number, again.values) == ("gru", 0, values)
    last = studies.take(plan, opened, trials=2)
    assert (last.model, last.trial.number) == ("gru", 1)
    assert studies.take(plan, opened, trials=2) is None
    for one in (first, again, third, last):
        one.lock.release()


def test_a_trial_whose_process_dies_three_times_fails(plan):
    opened = studies.opened(plan)
    for _ in range(studies.MOST_TAKES):
        one = studies.take(plan, opened, trials=1)
        assert (one.model, one.trial.number) == ("mlp", 0)
        one.lock.release()
    other = studies.take(plan, opened, trials=1)
    assert (other.model, other.trial.number) == ("gru", 0)
    (failed,) = opened["mlp"].trials
    assert failed.state == optuna.trial.TrialState.FAIL
    assert failed.user_attrs["error"] == "its process died 3 times without a validation between"
    (result,) = (one for one in results.results(plan, opened) if one.model == "mlp")
    assert (result.state, result.error) == ("failed", failed.user_attrs["error"])
    other.lock.release()


@pytest.mark.parametrize("what", ["is stopped", "reports a validation"])
def test_a_trial_that_is_stopped_or_reports_a_validation_does_not_fail(plan, what):
    opened = studies.opened(plan)
    for step in range(2 * studies.MOST_TAKES):
        one = studies.take(plan, opened, trials=1)
        assert (one.model, one.trial.number) == ("mlp", 0)
        if what == "is stopped":
            studies.uncount(one)
        else:
            one.trial.report(1.0, step)
        one.lock.release()


def test_a_trial_that_ends_while_another_process_takes_it_is_not_taken(plan, monkeypatch):
    opened = studies.opened(plan)
    first = studies.take(plan, opened, trials=1)
    acquired = studies.acquired

    def ended_meanwhile(folder):
        if first.lock.is_locked:
            studies.finish(opened["mlp"], 0, "complete", 0.5)
            first.lock.release()
        return acquired(folder)

    monkeypatch.setattr(studies, "acquired", ended_meanwhile)
    second = studies.take(plan, opened, trials=1)
    assert (second.model, second.trial.number) == ("gru", 0)
    second.lock.release()


@pytest.mark.parametrize("damage", ['{"half":\n{"op_code":0}\n', '{"op_code":4}\n', "[]\n", "3\n", "\0\0\n{}\n"])
def test_a_damaged_journal_is_refused(plan, damage):
    studies.opened(plan)
    with (plan.folder / "journal.log").open("a") as file:
        file.write(damage)
    with pytest.raises(
        studies.ConfigError,
        match=r"^name='tiny': .*journal\.log is damaged .*; must be repaired, or its folder moved away$",
    ):
        studies.opened(plan)


@pytest.mark.parametrize("incomplete", ['{"op_code":4,"incomplete', '{"op_code":0}', "\0" * 9])
def test_an_incomplete_last_line_of_the_journal_is_removed(plan, incomplete):
    """A process died while it wrote the line, and another one has the studies open."""
    opened = studies.opened(plan)
    first = studies.take(plan, opened, trials=1)
    with (plan.folder / "journal.log").open("a") as file:
        file.write(incomplete)
    studies.finish(opened["mlp"], 0, "complete", 0.5)
    first.lock.release()
    assert incomplete not in (plan.folder / "journal.log").read_text()
    with (plan.folder / "journal.log").open("a") as file:
        file.write(incomplete)
    again = studies.opened(plan)
    second = studies.take(plan, again, trials=1)
    assert (second.model, second.trial.number) == ("gru", 0)
    second.lock.release()
    assert [one.value for one in studies.opened(plan)["mlp"].trials] == [0.5]
