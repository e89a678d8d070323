"""Pointers: each equation against naive loops and torch, and its gradients."""

import pytest
import torch
from torch.autograd import gradcheck

from src.memory import pointers
from tests import naive_panm as naive

B, P, N, BITS, U = 2, 3, 5, 4, 6


def normal(rng, *shape):
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def check(function, *tensors):
    assert gradcheck(function, tuple(tensor.clone().requires_grad_() for tensor in tensors))


@pytest.mark.parametrize("bits", [1, 3, 10])
def test_the_bank_counts_in_bits(bits):
    assert pointers.address_bank(bits).tolist() == [naive.code(address, bits) for address in range(2**bits)]


@pytest.mark.parametrize("first", [0, 9, 15])
def test_consecutive_addresses_go_round(first):
    bank = pointers.address_bank(4)
    found = pointers.consecutive(bank.double(), bank[[first, 1]].double(), 5)
    assert found.dtype == torch.float64
    for one, begin in zip(found, (first, 1), strict=True):
        assert one.tolist() == [naive.code((begin + i) % 16, 4) for i in range(5)]


@pytest.mark.parametrize("default", [torch.float32, torch.float64])
def test_consecutive_addresses_with_another_default_dtype(default):
    """Lightning changes it with precision=64-true."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    bank = pointers.address_bank(3)
    found = pointers.consecutive(bank, bank[[6]], 3)
    torch.set_default_dtype(before)
    assert found[0].tolist() == [naive.code(address, 3) for address in (6, 7, 0)]


def test_anchored(rng):
    pointer, addresses, anchor = normal(rng, B, P, BITS), normal(rng, B, N, BITS), normal(rng, B, P, 3).softmax(2)
    found = pointers.anchored(pointer, addresses, anchor)
    for b in range(B):
        for p in range(P):
            rows = [pointer[b, p].tolist(), addresses[b, 0].tolist(), addresses[b, -1].tolist()]
            expected = torch.tensor(naive.mixture(anchor[b, p].tolist(), rows), dtype=torch.float64)
            torch.testing.assert_close(found[b, p], expected)
    for part, there in enumerate([pointer, addresses[:, :1].expand(B, P, -1), addresses[:, -1:].expand(B, P, -1)]):
        alone = torch.eye(3, dtype=torch.float64)[part].expand(B, P, 3)
        torch.testing.assert_close(pointers.anchored(pointer, addresses, alone), there)
    check(pointers.anchored, pointer, addresses, anchor)


def test_the_units_are_grus_that_share_nothing(rng):
    pointer, hidden = normal(rng, B, P, BITS), normal(rng, B, P, U)
    weights = (
        normal(rng, P, BITS, 3 * U),
        normal(rng, P, U, 3 * U),
        normal(rng, P, 1, 3 * U),
        normal(rng, P, 1, 3 * U),
    )
    found = pointers.pointer_unit(pointer, hidden, *weights)
    for p in range(P):
        w_p, w_h, b_p, b_h = (weight[p] for weight in weights)
        expected = torch.gru_cell(pointer[:, p], hidden[:, p], w_p.T, w_h.T, b_p[0], b_h[0])
        torch.testing.assert_close(found[:, p], expected)
    check(pointers.pointer_unit, pointer, hidden, *weights)


def test_attend(rng):
    query, keys = normal(rng, B, P, BITS), normal(rng, B, N, BITS)
    found = pointers.attend(query, keys)
    for b in range(B):
        for p in range(P):
            scores = [naive.dot(query[b, p].tolist(), key) for key in keys[b].tolist()]
            torch.testing.assert_close(found[b, p], torch.stack(naive.softmax(scores)))
    torch.testing.assert_close(found.sum(2), torch.ones(B, P, dtype=torch.float64))
    check(pointers.attend, query, keys)
