"""Search space: distributions in Hydra's syntax, and values as overrides."""

import pytest

from src.search import space
from src.settings.errors import ConfigError

optuna = pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("interval(1e-4,1e-2)", optuna.distributions.FloatDistribution(1e-4, 1e-2)),
        ("interval(1,2)", optuna.distributions.FloatDistribution(1.0, 2.0)),
        ("tag(log,interval(1e-4,1e-2))", optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)),
        ("int(interval(32,256))", optuna.distributions.IntDistribution(32, 256)),
        ("int(tag(log,interval(1,100)))", optuna.distributions.IntDistribution(1, 100, log=True)),
        ("range(1,9,2)", optuna.distributions.IntDistribution(1, 7, step=2)),
        ("range(9,1,-2)", optuna.distributions.IntDistribution(3, 9, step=2)),
        ("range(0.1,0.5,0.1)", optuna.distributions.FloatDistribution(0.1, 0.4, step=0.1)),
        ("choice(50,100)", optuna.distributions.CategoricalDistribution(["50", "100"])),
        ("50,100", optuna.distributions.CategoricalDistribution(["50", "100"])),
        ("[8],[9,8]", optuna.distributions.CategoricalDistribution(["[8]", "[9,8]"])),
        ("null,1.0", optuna.distributions.CategoricalDistribution(["null", "1.0"])),
    ],
)
def test_distributions(words, expected):
    assert space.distribution("a.b", words) == expected


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("interval(2,1)", "must have two finite bounds, the lower one first"),
        ("interval(1,1)", "must have two finite bounds, the lower one first"),
        ("interval(0,inf)", "must have two finite bounds, the lower one first"),
        ("tag(log,interval(0,1))", "must have bounds above 0, as it is logarithmic"),
        ("tag(step,interval(0,1))", "the only tag is log, of an interval: must be tag(log,interval(low,high))"),
        ("tag(log,choice(1,2))", "the only tag is log, of an interval: must be tag(log,interval(low,high))"),
        ("choice(1)", "must have at least two values, each once"),
        ("1,2,1", "must have at least two values, each once"),
        ("range(1,2)", "must have at least two values, each once"),
        ("range(1,5,0)", space.ALLOWED),
        ("shuffle(1,2)", space.ALLOWED),
        ("glob(*)", space.ALLOWED),
    ],
)
def test_invalid_distributions_are_refused(words, text):
    with pytest.raises(ConfigError) as refusal:
        space.values("a.b", words)
    assert str(refusal.value) == f"a.b={words}: {text}"


def test_corners_have_every_choice_and_both_ends():
    found = space.corners({"a": "1,2,3", "b": "interval(1,2)", "c": "range(1,9,2)"})
    assert found == [["a=1", "b=1.0", "c=1"], ["a=2", "b=2.0", "c=7"], ["a=3", "b=2.0", "c=7"]]


def test_a_resumed_trial_keeps_its_values():
    """The process died after the first of three values was drawn; the other two are drawn when it is resumed."""
    study, words = optuna.create_study(), {"a": "1,2,3", "b": "interval(0,1)", "c": "range(1,9,2)"}
    trial = study.ask()
    first = space.suggested(trial, {"b": words["b"]})
    again = optuna.trial.Trial(study, trial._trial_id)
    found = space.suggested(again, words)
    assert found["b"] == first["b"]
    assert (found["a"] in ("1", "2", "3"), found["c"] in (1, 3, 5, 7)) == (True, True)
    assert study.trials[0].params == found
    assert space.overrides({"a": "[8]", "b": 0.5, "c": 3}) == ["a=[8]", "b=0.5", "c=3"]
