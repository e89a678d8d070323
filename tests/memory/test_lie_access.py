"""Lie-access memory: each equation against naive loops, at its limits, and its gradients."""

import pytest
import torch
from torch.autograd import gradcheck

from src.memory import lie_access
from tests import naive_lie_access as naive

B, R, N = 2, 3, 5
each_dimension = pytest.mark.parametrize("d", [1, 2])


def normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def uniform(rng, *shape):
    return torch.rand(*shape, generator=rng, dtype=torch.float64)


def check(function, *tensors):
    assert gradcheck(function, tuple(tensor.clone().requires_grad_() for tensor in tensors))


@each_dimension
def test_bounded(rng, d):
    action = 3 * normal(rng, B, R, d)
    found = lie_access.bounded(action)
    expected = [[naive.bounded(head) for head in heads] for heads in action.tolist()]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    assert (found.norm(dim=2) < 1).all()
    assert (lie_access.bounded(1e4 * action).norm(dim=2) > 0.999).all()
    check(lie_access.bounded, torch.zeros_like(action))


@each_dimension
def test_move(rng, d):
    before, proposed, action, gate = *(normal(rng, B, R, d) for _ in range(3)), uniform(rng, B, R)
    found = lie_access.move(before, proposed, gate, action)
    for b in range(B):
        for r in range(R):
            given = (one[b][r].tolist() for one in (before, proposed, gate, action))
            torch.testing.assert_close(found[b, r], torch.tensor(naive.move(*given), dtype=torch.float64))
    there = lie_access.move(before, proposed, torch.zeros_like(gate), action)
    torch.testing.assert_close(lie_access.move(there, proposed, torch.zeros_like(gate), -action), before)
    torch.testing.assert_close(lie_access.move(before, proposed, torch.ones_like(gate), 0 * action), proposed)
    check(lie_access.move, before, proposed, gate, action)


@each_dimension
def test_weightings(rng, d):
    address, keys = normal(rng, B, R, d), normal(rng, B, N, d)
    strength, temperature = uniform(rng, B, N), uniform(rng, B, R)
    distance = lie_access.squared_distance(address, keys)
    heavy, light = (
        lie_access.inverse_square(distance, strength),
        lie_access.gaussian(distance, strength, temperature),
    )
    for b in range(B):
        items = keys[b].tolist(), strength[b].tolist()
        for r in range(R):
            at = address[b, r].tolist()
            expected = torch.tensor(naive.inverse_square(at, *items), dtype=torch.float64)
            torch.testing.assert_close(heavy[b, r], expected)
            expected = torch.tensor(naive.gaussian(at, *items, temperature[b, r].item()), dtype=torch.float64)
            torch.testing.assert_close(light[b, r], expected)
    for w in (heavy, light):
        assert (w >= 0).all()
        torch.testing.assert_close(w.sum(2), torch.ones(B, R, dtype=torch.float64))
    check(lambda a, k, s: lie_access.inverse_square(lie_access.squared_distance(a, k), s), address, keys, strength)
    check(
        lambda a, k, s, t: lie_access.gaussian(lie_access.squared_distance(a, k), s, t),
        *(address, keys, strength, temperature),
    )


def weight(address, keys, strength, kernel, temperature=0.0):
    """Weights of one head on a line, in single precision, and the gradient of a read of 0, 1, 2 .."""
    given = [torch.tensor(one, requires_grad=True) for one in ([[[address]]], [[[k] for k in keys]], [strength])]
    distance = lie_access.squared_distance(*given[:2])
    if kernel == "gaussian":
        w = lie_access.gaussian(distance, given[2], torch.tensor([[temperature]]))
    else:
        w = lie_access.inverse_square(distance, given[2])
    (w[0, 0] * torch.arange(len(keys))).sum().backward()
    assert all(torch.isfinite(one.grad).all() for one in given)
    return w[0, 0].tolist()


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_a_head_on_an_item_reads_it(kernel):
    assert weight(2.0, [0.0, 1.0, 2.0, 3.0], [1.0] * 4, kernel) == pytest.approx([0, 0, 1, 0], abs=1e-5)


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_coincident_items_share_the_weight_by_strength(kernel):
    assert weight(1.0, [1.0, 1.0, 5.0], [0.25, 0.75, 1.0], kernel) == pytest.approx([0.25, 0.75, 0], abs=1e-5)
    assert weight(1.0, [1.0, 1.0], [0.5, 0.5], kernel) == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_items_of_no_strength(kernel):
    assert weight(1.0, [1.0, 3.0], [0.0, 1.0], kernel, 9.0)[1] == pytest.approx(1, abs=1e-2)
    assert sum(weight(1.0, [1.0, 3.0, 3.0], [0.0, 0.0, 0.0], kernel)) == pytest.approx(1)


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_far_from_all_items(kernel):
    assert weight(1e6, [0.0, 0.0, 1.0], [0.5, 0.5, 0.5], kernel, 1e3) == pytest.approx([1 / 3] * 3, abs=0.7)
    assert sum(weight(-1e6, [0.0, 1.0], [1.0, 1.0], kernel)) == pytest.approx(1)


def test_only_one_kernel_has_a_heavy_tail():
    keys, strength = [0.0, 10.0], [1.0, 1.0]
    assert weight(1.0, keys, strength, "inverse_square")[1] == pytest.approx(1 / 82, abs=1e-5)
    assert weight(1.0, keys, strength, "gaussian", 1.0)[1] < 1e-30
    assert weight(1.0, keys, strength, "gaussian", 1e6)[1] == pytest.approx(0.5, abs=1e-3)
