"""Solved: three good validations in a row, counted to the first of them."""

import math

import pytest
import torch

from src.callbacks.clock import Clock
from src.callbacks.solved import Solved
from src.common.checks import Refusal
from src.lit.classes import Classes


@pytest.fixture
def run(trainer, learner):
    """Solves with the callbacks of a learner of bits."""
    return lambda trainer, errors, **options: solve(trainer, learner, errors, **options)


def solve(trainer, learner, errors, **options):
    """Validations every 10 sequences and 2 seconds; returns the callback and after how many it stopped."""
    one, trainer.callbacks = Solved(**options), [Clock()]
    stopped = None
    for n, error in enumerate(errors, 1):
        trainer.callbacks[0].sequences, trainer.callbacks[0].seconds = 10 * n, 2.0 * n
        trainer.callback_metrics = {"validation/error_bits": torch.tensor(error, dtype=torch.float64)}
        one.on_validation_end(trainer, learner)
        if trainer.should_stop and stopped is None:
            stopped = n
    return one, stopped


@pytest.mark.parametrize(
    ("errors", "first"),
    [
        ([0.0, 0.0, 0.0], 1),
        ([5.0, 0.1, 0.05, 0.1, 9.0], 2),  # at the threshold is good; what comes later changes nothing
        ([0.0, 0.0, 0.2, 0.0, 0.0, 0.0, 0.0], 4),  # two in a row are forgotten
        ([0.0, 0.0], None),
        ([0.0, 0.0, 0.1000001, 0.0, 0.0], None),
        ([0.0, math.nan, 0.0, 0.0], None),
        ([0.0, 3.0, 0.0, 3.0, 0.0], None),
    ],
)
def test_three_in_a_row(trainer, run, errors, first):
    one, stopped = run(trainer, errors)
    assert one.solved is (first is not None)
    assert one.sequences == (None if first is None else 10 * first)
    assert one.seconds == (None if first is None else 2.0 * first)
    assert stopped == (None if first is None else first + 2)


def test_threshold(trainer, run):
    assert run(trainer, [1.5] * 3, threshold=1.5)[0].solved
    assert not run(trainer, [1.5] * 3, threshold=1.4)[0].solved
    assert not run(trainer, [1e-9] * 3, threshold=0)[0].solved


def test_without_stop_the_run_continues(trainer, run):
    one, stopped = run(trainer, [0.0] * 5, stop=False)
    assert (one.solved, one.sequences, stopped) == (True, 10, None)


def test_a_stop_by_another_callback_stays(trainer, run):
    trainer.should_stop = True
    run(trainer, [0.0] * 3, stop=False)
    assert trainer.should_stop


def test_what_does_not_count(trainer, learner):
    """A task that is never solved, however low its metric; and a validation that is not of a fit."""
    one, trainer.callbacks = Solved(), [Clock()]
    classes, bits = Classes(), learner.objective
    for fn, objective, metrics in (
        ("fit", classes, {"validation/accuracy": 0.0}),
        ("validate", bits, {"validation/error_bits": 0.0}),
    ):
        learner.objective = objective
        trainer.state.fn, trainer.callback_metrics = fn, {k: torch.tensor(v) for k, v in metrics.items()}
        for _ in range(4):
            one.on_validation_end(trainer, learner)
    assert not one.solved
    assert not trainer.should_stop


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"threshold": -0.1}, "threshold=-0.1: must be a finite number of at least 0"),
        ({"threshold": "abc"}, "threshold='abc': must be a finite number of at least 0"),
        ({"stop": 1}, "stop=1: must be true or false"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        Solved(**options)
    assert str(refusal.value) == text
