"""The learning rate over a run: warmup, fall, end."""

import math
from itertools import pairwise

import pytest
import torch

from src.common.checks import Refusal
from src.lit.schedule import warmup_cosine


def rates(updates, warmup, final, lr=2.0, beyond=0):
    """The learning rate of every update, as an optimiser sees it."""
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=lr)
    schedule = warmup_cosine(optimizer, updates, warmup, final)
    seen = []
    for _ in range(updates + beyond):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return [*seen, optimizer.param_groups[0]["lr"]]


def test_constant():
    assert rates(9, 0.0, 1.0) == [2.0] * 10
    assert rates(9, 0.5, 1.0)[5:] == [2.0] * 5


@pytest.mark.parametrize(("updates", "warmup", "final"), [(10, 0.4, 0.0), (25, 0.2, 0.1), (7, 0.0, 0.5)])
def test_against_the_formula(updates, warmup, final):
    climb = warmup * updates
    for update, rate in enumerate(rates(updates, warmup, final, lr=1.0)):
        if update < climb:
            expected = (update + 1) / (climb + 1)
        else:
            cosine = math.cos(math.pi * (update - climb) / (updates - climb))
            expected = final + (1 - final) * (1 + cosine) / 2
        assert rate == pytest.approx(expected)


def test_named_points():
    """Four updates to climb, the top at update 4, half way down at 7, the end after the last."""
    seen = rates(10, 0.4, 0.0)
    assert seen[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert seen[7] == pytest.approx(1.0)
    assert seen[9] > 0
    assert seen[10] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("warmup", [0.0, 0.3, 0.55, 0.99])
@pytest.mark.parametrize("updates", [1, 2, 7, 40])
def test_rates_rise_then_fall_and_stay_within_bounds(updates, warmup):
    seen = rates(updates, warmup, 0.0)[:-1]
    assert all(0 < rate <= 2.0 for rate in seen)
    top = seen.index(max(seen))
    assert all(a <= b for a, b in pairwise(seen[: top + 1]))
    assert all(a >= b for a, b in pairwise(seen[top:]))


def test_a_single_update_without_warmup_has_the_full_rate():
    assert rates(1, 0.0, 0.0)[0] == 2.0


def test_after_the_end_it_stays():
    assert rates(5, 0.2, 0.25, beyond=6)[5:] == pytest.approx([0.5] * 7)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("updates", 0, "an integer of at least 1"),
        ("updates", 2.5, "an integer of at least 1"),
        ("warmup", -0.1, "a finite number of at least 0 and below 1"),
        ("warmup", 1.0, "a finite number of at least 0 and below 1"),
        ("warmup", math.nan, "a finite number of at least 0 and below 1"),
        ("final", 1.5, "a finite number of at least 0 and of at most 1"),
        ("final", "abc", "a finite number of at least 0 and of at most 1"),
    ],
)
def test_refusals(key, value, allowed):
    optimizer = torch.optim.SGD([torch.ones(1)], lr=1.0)
    with pytest.raises(Refusal) as refusal:
        warmup_cosine(optimizer, **{"updates": 10, "warmup": 0.1, "final": 0.0, key: value})
    assert str(refusal.value) == f"{key}={value!r}: must be {allowed}"
