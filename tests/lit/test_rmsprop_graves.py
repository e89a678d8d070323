"""RMSProp as in Graves: against a loop over single numbers."""

import math

import pytest
import torch

from src.common.checks import Refusal
from src.lit.rmsprop_graves import RMSpropGraves


def naive(value, gradients, lr, rho, momentum, floor):
    """One number through several updates."""
    n = m = v = 0.0
    for g in gradients:
        n = rho * n + (1 - rho) * g**2
        m = rho * m + (1 - rho) * g
        v = momentum * v - lr * g / math.sqrt(n - m**2 + floor)
        value += v
    return value


@pytest.mark.parametrize(
    "options",
    [
        {"lr": 0.1, "rho": 0.95, "momentum": 0.9, "floor": 1e-4},
        {"lr": 0.02, "rho": 0.5, "momentum": 0.3, "floor": 1.0},
        {"lr": 1.0, "rho": 0.0, "momentum": 0.0, "floor": 0.5},
    ],
)
def test_updates(rng, options):
    params = [torch.randn(size, generator=rng, dtype=torch.float64) for size in ((3, 2), (4,), ())]
    gradients = [torch.randn(7, *p.shape, generator=rng, dtype=torch.float64) for p in params]
    before = [p.clone() for p in params]
    optimizer = RMSpropGraves(params, **options)
    for step in range(7):
        for p, g in zip(params, gradients, strict=True):
            p.grad = g[step].clone()
        optimizer.step()
    for p, start, g in zip(params, before, gradients, strict=True):
        rows = zip(start.flatten().tolist(), g.reshape(7, -1).T.tolist(), strict=True)
        expected = [naive(value, seen, **options) for value, seen in rows]
        assert p.flatten().tolist() == pytest.approx(expected, rel=1e-9)


def test_the_defaults_are_those_of_the_paper():
    p = torch.ones(1, dtype=torch.float64)
    optimizer = RMSpropGraves([p])
    for g in (0.3, -0.2, 5.0):
        p.grad = torch.full_like(p, g)
        optimizer.step()
    assert p.item() == pytest.approx(naive(1.0, [0.3, -0.2, 5.0], 1e-4, 0.95, 0.9, 1e-4), rel=1e-12)


def test_groups_have_rates_of_their_own_and_what_has_no_gradient_stays():
    fast, slow, still = (torch.ones(1, dtype=torch.float64) for _ in range(3))
    optimizer = RMSpropGraves([{"params": [fast]}, {"params": [slow, still], "lr": 0.01}], lr=0.5)
    fast.grad, slow.grad = torch.full_like(fast, 2.0), torch.full_like(slow, 2.0)
    optimizer.step()
    assert fast.item() == pytest.approx(naive(1.0, [2.0], 0.5, 0.95, 0.9, 1e-4))
    assert slow.item() == pytest.approx(naive(1.0, [2.0], 0.01, 0.95, 0.9, 1e-4))
    assert still.item() == 1.0


def test_a_constant_gradient_stays_finite():
    """n - m^2 tends to 0 and, rounded, may fall below it; the floor keeps the root real."""
    p = torch.zeros(1)
    optimizer = RMSpropGraves([p], lr=1e-3)
    for _ in range(500):
        p.grad = torch.full_like(p, 0.7)
        optimizer.step()
    assert p.isfinite().all()
    assert p.item() < 0


def test_resumes_from_a_saved_state(rng):
    gradients = torch.randn(6, 3, generator=rng)
    through, first = torch.ones(3), torch.ones(3)
    whole, half = RMSpropGraves([through], lr=0.1), RMSpropGraves([first], lr=0.1)
    for g in gradients:
        through.grad = g.clone()
        whole.step()
    for g in gradients[:3]:
        first.grad = g.clone()
        half.step()
    second = first.clone()
    other = RMSpropGraves([second], lr=0.5)
    other.load_state_dict(half.state_dict())
    for g in gradients[3:]:
        second.grad = g.clone()
        other.step()
    assert torch.equal(second, through)


def test_a_closure_is_called_with_gradients_on():
    p = torch.ones(2, requires_grad=True)
    optimizer = RMSpropGraves([p], lr=0.1)

    def closure():
        loss = p.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert (p < 1).all()


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("lr", 0, "above 0"),
        ("lr", math.nan, "above 0"),
        ("lr", math.inf, "above 0"),
        ("lr", "abc", "above 0"),
        ("rho", 1, "of at least 0 and below 1"),
        ("rho", -0.1, "of at least 0 and below 1"),
        ("momentum", 1.0, "of at least 0 and below 1"),
        ("momentum", None, "of at least 0 and below 1"),
        ("floor", 0, "above 0"),
    ],
)
def test_refusals(key, value, allowed):
    with pytest.raises(Refusal) as refusal:
        RMSpropGraves([torch.ones(1)], **{key: value})
    assert str(refusal.value) == f"{key}={value!r}: must be a finite number {allowed}"
