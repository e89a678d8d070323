"""Positions: rotary embeddings and ALiBi against naive loops, published values, and their invariants."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from src.memory.positions import alibi, alibi_slopes, rotary_angles, rotate
from tests import naive_transformer

B, H, T, D = 2, 3, 5, 6
POSITION = torch.tensor([0.0, 1.0, 2.0, 7.0, 1000.0], dtype=torch.float64)


def turned(x, position):
    angles = rotary_angles(position, x.shape[-1])
    return rotate(x, angles.cos(), angles.sin())


def test_rotary_equals_the_naive_loop(rng):
    x = torch.randn(B, H, T, D, generator=rng, dtype=torch.float64)
    expected = [
        [
            [naive_transformer.turned(row, m) for row, m in zip(head, POSITION.tolist(), strict=True)]
            for head in sequence
        ]
        for sequence in x.tolist()
    ]
    torch.testing.assert_close(turned(x, POSITION), torch.tensor(expected, dtype=torch.float64))
    assert gradcheck(lambda x: turned(x, POSITION), x.requires_grad_())


def test_rotary_keeps_norms_and_leaves_the_first_step(rng):
    x = torch.randn(B, H, T, D, generator=rng, dtype=torch.float64)
    found = turned(x, POSITION)
    torch.testing.assert_close(found.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(found[:, :, 0], x[:, :, 0])


def test_rotary_products_depend_on_the_difference_of_positions_only(rng):
    query, key = torch.randn(2, B, H, T, D, generator=rng, dtype=torch.float64)

    def products(shift):
        return turned(query, POSITION + shift) @ turned(key, POSITION + shift).mT

    torch.testing.assert_close(products(313.0), products(0.0))
    assert not torch.allclose(turned(query, POSITION + 1) @ turned(key, POSITION).mT, products(0.0))


def test_rotary_angles():
    angles = rotary_angles(torch.tensor([0.0, 1.0, 3.0]), 4)
    torch.testing.assert_close(angles, torch.tensor([[0.0, 0.0], [1.0, 0.01], [3.0, 0.03]]))


def test_alibi_slopes_as_published():
    """The paper: for 8 heads 1/2, 1/4, ..., 1/256; for 16 heads 2^-0.5, 2^-1, 2^-1.5, ..., 2^-8."""
    assert alibi_slopes(8) == [2.0**-n for n in range(1, 9)]
    assert alibi_slopes(16) == [2.0 ** (-n / 2) for n in range(1, 17)]
    assert alibi_slopes(1) == [2.0**-8]


@pytest.mark.parametrize("heads", range(1, 34))
def test_alibi_slopes_as_in_the_code_of_the_authors(heads):
    assert alibi_slopes(heads) == pytest.approx(naive_transformer.slopes(heads), rel=1e-12)
    assert len(set(alibi_slopes(heads))) == heads


def test_alibi_equals_the_naive_loop():
    slopes, past = torch.tensor([0.5, 0.1, 0.0], dtype=torch.float64), 3
    bias = alibi(slopes, past, T)
    assert bias.shape == (H, T, past + T)
    for h, slope in enumerate(slopes.tolist()):
        for t in range(T):
            for s in range(past + T):
                expected = -slope * (past + t - s) if s <= past + t else -math.inf
                assert bias[h, t, s].item() == pytest.approx(expected)
