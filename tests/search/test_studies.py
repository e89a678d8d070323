"""Trials are taken once each, whoever takes them."""

import threading

import pytest

from src.search import command as settings
from src.search import plan as plans
from src.search import results, studies

optuna = pytest.importorskip("optuna")


@pytest.fixture
def plan(line):
    """A search of two models that has begun."""
    given = line("model=mlp,gru", "optimizer.lr=tag(log,interval(1e-3,1e-1))", "sampler=random")
    plan, _ = settings.read(given)
    plan.folder.mkdir()
    return plans.begin(plan)


def test_racing_workers_take_every_trial_once_and_none_too_many(plan):
    taken, start = [], threading.Barrier(4)

    def worker():
        with studies.locked(plan.folder):
            opened = studies.opened(plan)
        start.wait()
        while (one := studies.take(plan, opened, trials=6)) is not None:
            taken.append((one.model, one.trial.number))
            studies.tell(opened[one.model], one.trial.number, "complete", one.values["optimizer.lr"])
            one.lock.release()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [(model, number) for model in ("gru", "mlp") for number in range(6)]
    # Chance alone gives a trial the same values, whoever takes it.
    one, other = (studies.opened(plan)["mlp"].trials[n].params["optimizer.lr"] for n in (3, 4))
    assert one != other
    alone = optuna.create_study(sampler=studies.sampler(plan, 3))
    assert settings.plan.space.suggested(alone.ask(), plan.models["mlp"].space)["optimizer.lr"] == one


def test_models_take_turns_and_a_trial_of_a_living_process_is_left_alone(plan):
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


def test_a_trial_that_brings_its_process_down_again_and_again_fails(plan):
    opened = studies.opened(plan)
    for _ in range(studies.MOST):
        one = studies.take(plan, opened, trials=1)
        assert (one.model, one.trial.number) == ("mlp", 0)
        one.lock.release()
    other = studies.take(plan, opened, trials=1)
    assert (other.model, other.trial.number) == ("gru", 0)
    (failed,) = opened["mlp"].trials
    assert failed.state == optuna.trial.TrialState.FAIL
    assert failed.user_attrs["error"] == "its process died 3 times without a validation between"
    (told,) = (one for one in results.results(plan, opened) if one.model == "mlp")
    assert (told.state, told.error) == ("failed", failed.user_attrs["error"])
    other.lock.release()


@pytest.mark.parametrize("what", ["is stopped", "gets on"])
def test_a_trial_that_is_stopped_or_gets_on_does_not_fail(plan, what):
    opened = studies.opened(plan)
    for step in range(2 * studies.MOST):
        one = studies.take(plan, opened, trials=1)
        assert (one.model, one.trial.number) == ("mlp", 0)
        if what == "is stopped":
            studies.give_back(one)
        else:
            one.trial.report(1.0, step)
        one.lock.release()


def test_a_trial_that_ends_while_another_process_looks_is_left_alone(plan, monkeypatch):
    opened = studies.opened(plan)
    first = studies.take(plan, opened, trials=1)
    held = studies.held

    def ended_meanwhile(folder):
        if first.lock.is_locked:
            studies.tell(opened["mlp"], 0, "complete", 0.5)
            first.lock.release()
        return held(folder)

    monkeypatch.setattr(studies, "held", ended_meanwhile)
    second = studies.take(plan, opened, trials=1)
    assert (second.model, second.trial.number) == ("gru", 0)
    second.lock.release()


@pytest.mark.parametrize("damage", ['{"half":\n{"op_code":0}\n', '{"op_code":4}\n', "[]\n", "3\n", "\0\0\n{}\n"])
def test_a_damaged_journal_is_told(plan, damage):
    studies.opened(plan)
    with (plan.folder / "journal.log").open("a") as file:
        file.write(damage)
    with pytest.raises(
        studies.ConfigError,
        match=r"^name='tiny': .*journal\.log is damaged .*; must be mended, or its folder moved away$",
    ):
        studies.opened(plan)


@pytest.mark.parametrize("torn", ['{"op_code":4,"torn', '{"op_code":0}', "\0" * 9])
def test_a_torn_last_line_of_the_journal_is_cut_off(plan, torn):
    """By a process that is gone, while another one has the studies open."""
    opened = studies.opened(plan)
    first = studies.take(plan, opened, trials=1)
    with (plan.folder / "journal.log").open("a") as file:
        file.write(torn)
    studies.tell(opened["mlp"], 0, "complete", 0.5)
    first.lock.release()
    assert torn not in (plan.folder / "journal.log").read_text()
    with (plan.folder / "journal.log").open("a") as file:
        file.write(torn)
    again = studies.opened(plan)
    second = studies.take(plan, again, trials=1)
    assert (second.model, second.trial.number) == ("gru", 0)
    second.lock.release()
    assert [one.value for one in studies.opened(plan)["mlp"].trials] == [0.5]
