"""Memory access: against naive loops, and gradients."""

import pytest
import torch
from torch.autograd import gradcheck

from src.memory.access import erase_and_add, read
from tests import naive

B, M = 2, 5


def make(rng, slots, heads):
    def normal(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    memory, w = normal(B, slots, M), normal(B, heads, slots).softmax(-1)
    return memory, w, normal(B, heads, M).sigmoid(), normal(B, heads, M)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("slots", [1, 4, 7])
def test_read(rng, slots, heads):
    memory, w, _, _ = make(rng, slots, heads)
    expected = [[naive.read(memory[b].tolist(), w[b, h].tolist()) for h in range(heads)] for b in range(B)]
    torch.testing.assert_close(read(memory, w), torch.tensor(expected, dtype=torch.float64))
    assert gradcheck(read, (memory.requires_grad_(), w.requires_grad_()))


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("slots", [1, 4, 7])
def test_erase_and_add(rng, slots, heads):
    parts = make(rng, slots, heads)
    expected = [naive.erase_and_add(*(part[b].tolist() for part in parts)) for b in range(B)]
    torch.testing.assert_close(erase_and_add(*parts), torch.tensor(expected, dtype=torch.float64))
    assert gradcheck(erase_and_add, tuple(part.requires_grad_() for part in parts))


def test_the_order_of_the_heads_does_not_matter(rng):
    memory, *parts = make(rng, 4, 3)
    permuted = [part[:, [2, 0, 1]] for part in parts]
    torch.testing.assert_close(erase_and_add(memory, *parts), erase_and_add(memory, *permuted))


@pytest.mark.parametrize("heads", [1, 2])
def test_a_sharp_write_replaces_one_slot_and_a_sharp_read_returns_it(rng, heads):
    memory, _, _, add = make(rng, 4, heads)
    w = torch.eye(4, dtype=torch.float64)[:heads].expand(B, heads, 4)
    after = erase_and_add(memory, w, torch.ones_like(add), add)
    torch.testing.assert_close(after[:, :heads], add)
    torch.testing.assert_close(after[:, heads:], memory[:, heads:])
    torch.testing.assert_close(read(after, w), add)


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_when_a_zero_memory_is_fully_erased(dtype, heads):
    """The gradient of a product, computed by division, would be 0/0 here."""
    memory = torch.zeros(B, 4, M, dtype=dtype, requires_grad=True)
    w = torch.zeros(B, heads, 4, dtype=dtype)
    w[..., 0] = 1.0
    w, erase = w.requires_grad_(), torch.ones(B, heads, M, dtype=dtype, requires_grad=True)
    add = torch.zeros(B, heads, M, dtype=dtype, requires_grad=True)
    after = erase_and_add(memory, w, erase, add)
    torch.testing.assert_close(after, torch.zeros_like(after))
    gradients = torch.autograd.grad(after.sum(), [memory, w, erase, add])
    assert all(g.isfinite().all() for g in gradients)
    assert (gradients[0][:, 1:] == 1).all()
    assert (gradients[0][:, 0] == 0).all()
