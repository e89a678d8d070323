"""Parallel scan: values and gradients against the loop over time, and against the scan in log space."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from src.memory.scan import linear_recurrence

B, C = 2, 3


def loop(a, b, h):
    outputs = []
    for a_t, b_t in zip(a.unbind(1), b.unbind(1), strict=True):
        h = a_t * h + b_t
        outputs.append(h)
    return torch.stack(outputs, 1)


def in_log_space(a, b, h):
    """Heinsen, arXiv:2311.06281: log h_t = a*_t + log sum_s exp(log b_s - a*_s), with a*_t the sum of log a."""
    star = a.log().cumsum(1)
    terms = torch.cat([h.log().unsqueeze(1), b.log() - star], 1)
    return (star + terms.logcumsumexp(1)[:, 1:]).exp()


def numbers(rng, steps, dtype=torch.float64, sharpness=3.0):
    """Gates a = sigmoid(k) for large and small k, positive b and h."""
    a = (sharpness * torch.randn(B, steps, C, generator=rng)).sigmoid()
    made = [a, torch.rand(B, steps, C, generator=rng), torch.rand(B, C, generator=rng)]
    return [one.to(dtype).requires_grad_() for one in made]


@pytest.mark.parametrize("steps", [*range(1, 18), 100])
def test_equals_the_loop(rng, steps):
    given = numbers(rng, steps)
    found, expected = linear_recurrence(*given), loop(*given)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(in_log_space(*given), expected)
    dh = torch.randn(found.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(torch.autograd.grad(found, given, dh), torch.autograd.grad(expected, given, dh))


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_gradients(rng, steps):
    given = numbers(rng, steps)
    assert gradcheck(linear_recurrence, given)
    assert gradgradcheck(linear_recurrence, given)


@pytest.mark.parametrize("sharpness", [0.1, 5.0, 50.0])
def test_long_sequences_in_float32_are_as_exact_as_the_loop(rng, sharpness):
    """Sharp gates are 0 or 1 to rounding."""
    given = numbers(rng, 1000, torch.float32, sharpness)
    exact = [one.detach().double().requires_grad_() for one in given]
    expected, found, other = loop(*exact), linear_recurrence(*given), loop(*given)
    dh = torch.randn(found.shape, generator=rng)
    gradients = torch.autograd.grad(expected, exact, dh.double())

    def error(h, of):
        parts = [h, *torch.autograd.grad(h, of, dh)]
        pairs = zip(parts, [expected, *gradients], strict=True)
        return [((part - right).abs().max() / right.abs().max()).item() for part, right in pairs]

    for scan, step_by_step in zip(error(found, given), error(other, given), strict=True):
        assert scan < max(2 * step_by_step, 1e-6)


@pytest.mark.parametrize("gate", [0.0, 1.0])
def test_closed_and_open_gates(rng, gate):
    _, b, h = numbers(rng, 9)
    a = torch.full((B, 9, C), gate, dtype=torch.float64, requires_grad=True)
    found = linear_recurrence(a, b, h)
    torch.testing.assert_close(found, b if gate == 0 else h.unsqueeze(1) + b.cumsum(1))
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), (a, b, h)), torch.autograd.grad(loop(a, b, h).sum(), (a, b, h))
    )
