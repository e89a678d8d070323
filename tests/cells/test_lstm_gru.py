"""LSTM and GRU against torch's modules with the same weights, in one call and step by step."""

import pytest
import torch
from torch import nn

from src.cells import lstm
from src.cells.feedforward import Feedforward
from src.cells.gru import GRU, GRUState
from src.cells.lstm import LSTM, LSTMState
from src.common.checks import Refusal

B, T, F, C = 3, 5, 2, 4


def build(cls, layers):
    """A cell and torch's module with the same weights, both in float64."""
    cell = cls(F, C, layers).double()
    module = {LSTM: nn.LSTM, GRU: nn.GRU}[cls](F, C, layers, batch_first=True).double()
    own = dict(cell.layers.named_parameters())
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_(own.pop(name))
    assert not own
    return cell, module


def start(cls, layers, rng):
    """An initial state, in the form of the cell and in torch's."""
    parts = torch.randn(2, layers, B, C, generator=rng, dtype=torch.float64)
    if cls is GRU:
        return GRUState(parts[0].unbind(0)), parts[0]
    return LSTMState(parts[0].unbind(0), parts[1].unbind(0)), (parts[0], parts[1])


def stack(state):
    return torch.stack([torch.stack(part) for part in state])


def stepwise(cell, x, state):
    outputs = []
    for x_t in x.unbind(1):
        y, state = cell.step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, 1), state


def run_sequence(cell, x, state):
    return cell.sequence(x, state)


@pytest.mark.parametrize("run", [stepwise, run_sequence])
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cls", [LSTM, GRU])
def test_equals_torch(rng, cls, layers, run):
    cell, module = build(cls, layers)
    x = torch.randn(B, T, F, generator=rng, dtype=torch.float64)
    before, torch_before = start(cls, layers, rng)
    y, state = run(cell, x, before)
    expected, after = module(x, torch_before)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(stack(state), after[None] if cls is GRU else torch.stack(after))
    assert type(state) is type(before)

    # The gradients equal those of torch, too.
    dy = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    (y * dy).sum().backward()
    (expected * dy).sum().backward()
    for weight, other in zip(cell.layers.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cls", [LSTM, GRU])
def test_the_initial_state_is_that_of_torch(rng, cls, layers):
    cell, module = build(cls, layers)
    x = torch.randn(B, T, F, generator=rng, dtype=torch.float64)
    y, _ = stepwise(cell, x, cell.initial_state(B))
    torch.testing.assert_close(y, module(x)[0])
    assert cell.output_size == C
    assert stack(cell.initial_state(B)).shape == (2 if cls is LSTM else 1, layers, B, C)


def test_feedforward_is_a_linear_layer_with_tanh(rng):
    cell = Feedforward(F, C)
    x = torch.randn(B, F, generator=rng)
    y, state = cell.step(x, cell.initial_state(B))
    torch.testing.assert_close(y, torch.tanh(x @ cell.layer.weight.T + cell.layer.bias))
    assert state == ()
    assert cell.output_size == C


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("value", ["abc", 2.5, True, 0, -1, float("nan")])
@pytest.mark.parametrize(
    ("cls", "key"),
    [(cls, key) for cls in (LSTM, GRU, Feedforward) for key in ("input_size", "hidden_size")]
    + [(LSTM, "num_layers"), (GRU, "num_layers")],
)
def test_refusals(cls, key, value):
    with pytest.raises(Refusal) as refusal:
        cls(**{"input_size": F, "hidden_size": C, key: value})
    assert str(refusal.value) == f"{key}={value!r}: must be an integer of at least 1"


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("supported", [True, False, None])
def test_an_lstm_under_autocast_with_and_without_support_of_half_precision(rng, monkeypatch, half, supported):
    """Supported, not supported, and as on this CPU."""
    cell, x = LSTM(F, C, 2), torch.randn(B, T, F, generator=rng)
    exact, after = cell.sequence(x, None)
    queried = []
    if supported is not None:
        monkeypatch.setattr(lstm, "_runs_in_half", lambda dtype: queried.append(dtype) or supported)
        monkeypatch.setattr(cell.layers, "forward", halved(cell.layers.forward))
    with torch.autocast("cpu", half):
        y, state = cell.sequence(x, None)
    assert queried == ([] if supported is None else [half])
    if supported is not None:
        assert y.dtype == (half if supported else torch.float32)
    torch.testing.assert_close(y.float(), exact, rtol=0, atol=0 if supported is False else 0.02)
    torch.testing.assert_close(stack(state), stack(after), rtol=0, atol=0 if supported is False else 0.02)
    y.float().sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in cell.parameters())


def halved(forward):
    """A forward that returns half precision under autocast, as on a CPU that supports it."""

    def call(x, state):
        assert state[0].dtype == torch.float32
        if torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                y, after = forward(x, state)
            return y.to(torch.get_autocast_dtype("cpu")), after
        return forward(x, state)

    return call


def test_support_of_half_precision_is_tested_once_without_side_effects(monkeypatch):
    lstm._runs_in_half.cache_clear()
    before = torch.get_rng_state()
    for _ in range(2):
        assert lstm._runs_in_half(torch.bfloat16) in (True, False)
    assert torch.equal(torch.get_rng_state(), before)
    assert lstm._runs_in_half.cache_info().misses == 1

    def unable(*_):
        raise RuntimeError("could not create a primitive descriptor")

    monkeypatch.setattr(torch, "lstm", unable)
    lstm._runs_in_half.cache_clear()
    assert lstm._runs_in_half(torch.bfloat16) is False
    lstm._runs_in_half.cache_clear()
