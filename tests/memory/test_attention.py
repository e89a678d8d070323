"""Attention: the causal mask and the weights, against naive loops and torch."""

import torch
from torch.autograd import gradcheck
from torch.nn.functional import scaled_dot_product_attention

from src.memory.attention import attention_weights, causal
from src.memory.positions import alibi

B, H, T, P, D = 2, 3, 4, 5, 6


def test_causal():
    mask = causal(P, T, torch.device("cpu"))
    assert mask.tolist() == [[s <= P + t for s in range(P + T)] for t in range(T)]


def test_weights(rng):
    query = torch.randn(B, H, T, D, generator=rng, dtype=torch.float64)
    key, value = torch.randn(2, B, H, P + T, D, generator=rng, dtype=torch.float64)
    slopes = torch.tensor([0.5, 0.1, 0.0], dtype=torch.float64)
    for mask in (causal(P, T, query.device), alibi(slopes, P, T)):
        weights = attention_weights(query, key, mask)
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))
        torch.testing.assert_close(weights @ value, scaled_dot_product_attention(query, key, value, mask))
    assert gradcheck(
        lambda query, key: attention_weights(query, key, mask), (query.requires_grad_(), key.requires_grad_())
    )
