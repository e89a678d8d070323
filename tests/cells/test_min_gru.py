"""minGRU: values against a naive implementation, the sequence against the steps, long sequences and refusals."""

import math

import pytest
import torch

from src.cells.min_gru import MinGRU, positive
from src.common.checks import Refusal
from tests import naive, naive_min_gru

B, T, F, C, L = 2, 7, 3, 5, 2


def build(rng, dtype=torch.float64, spread=0.5):
    """A cell with random weights."""
    cell = MinGRU(F, C, L).to(dtype)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.add_(spread * torch.randn(weight.shape, generator=rng))
    return cell


def stepwise(cell, x, state=None):
    state = cell.initial_state(len(x)) if state is None else state
    outputs = []
    for x_t in x.unbind(1):
        y, state = cell.step(x_t, state)
        outputs.append(y)
    return torch.stack(outputs, 1), state


def rms_norm(weight, x):
    scale = math.sqrt(sum(v * v for v in x) / len(x) + torch.finfo(torch.float64).eps)
    return [w * v / scale for w, v in zip(weight, x, strict=True)]


def test_equals_the_naive_implementation(rng):
    cell = build(rng)
    x = torch.randn(B, T, F, generator=rng, dtype=torch.float64)
    before = torch.rand(L, B, C, generator=rng, dtype=torch.float64)
    y, after = cell.sequence(x, cell.initial_state(B)._replace(hidden=before.unbind(0)))
    weights = {name: weight.tolist() for name, weight in cell.state_dict().items()}

    def apply(name, x):
        return naive.affine(weights[f"{name}.weight"], weights[f"{name}.bias"], x)

    for b in range(B):
        steps = [apply("embedding", x_t) for x_t in x[b].tolist()]
        for n in range(L):
            normed = [rms_norm(weights[f"blocks.{n}.norm.weight"], h) for h in steps]
            raw = [weights[f"blocks.{n}.gate_and_candidate.{part}"] for part in ("weight", "bias")]
            hidden = naive_min_gru.one_layer(*raw, normed, before[n, b].tolist())
            assert after.hidden[n][b].tolist() == pytest.approx(hidden[-1])
            merged = [apply(f"blocks.{n}.merge", h) for h in hidden]
            steps = [[a + m for a, m in zip(*rows, strict=True)] for rows in zip(steps, merged, strict=True)]
        for t, h in enumerate(steps):
            assert y[b, t].tolist() == pytest.approx(rms_norm(weights["norm.weight"], h))


@pytest.mark.parametrize("steps", [1, 2, 7, 16])
def test_a_sequence_equals_its_steps_in_values_and_gradients(rng, steps):
    cell = build(rng)
    x = torch.randn(B, steps, F, generator=rng, dtype=torch.float64, requires_grad=True)
    dy = torch.randn(B, steps, C, generator=rng, dtype=torch.float64)
    (y, after), (expected, end) = cell.sequence(x, None), stepwise(cell, x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(after.hidden, end.hidden)
    leaves = [x, *cell.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad((y * dy).sum(), leaves), torch.autograd.grad((expected * dy).sum(), leaves)
    )


@pytest.mark.parametrize("size", [1.0, 30.0])
def test_long_sequences_in_float32(rng, size):
    """Inputs and gates of any size: outputs and gradients are finite, and as exact as those of the steps."""
    cell = build(rng, torch.float32)
    with torch.no_grad():
        for block in cell.blocks:
            block.gate_and_candidate.weight.mul_(size)
    x = size * torch.randn(1, 1000, F, generator=rng)

    def outputs_and_gradients(run):
        y = run(x)[0]
        return y, *torch.autograd.grad(y.sin().sum(), list(cell.parameters()))

    found, steps = (
        outputs_and_gradients(lambda x: cell.sequence(x, None)),
        outputs_and_gradients(lambda x: stepwise(cell, x)),
    )
    cell, x = cell.double(), x.double()
    exact = outputs_and_gradients(lambda x: cell.sequence(x, None))
    for scan, loop, right in zip(found, steps, exact, strict=True):
        scale = right.abs().max()
        assert torch.isfinite(scan).all()
        assert (scan - right).abs().max() / scale <= max(4 * (loop - right).abs().max() / scale, 1e-5)


def test_the_state_is_never_negative_and_keeps_its_dtype(rng):
    cell, x = build(rng, torch.float32), 3 * torch.randn(B, T, F, generator=rng)
    exact, end = cell.sequence(x, None)
    with torch.autocast("cpu", torch.bfloat16):
        y, after = cell.sequence(x, None)
        stepped, after_steps = stepwise(cell, x)
    torch.testing.assert_close(y.float(), exact, rtol=0.05, atol=0.05)
    torch.testing.assert_close(stepped.float(), exact, rtol=0.05, atol=0.05)
    for part in (*end.hidden, *after.hidden, *after_steps.hidden):
        assert part.dtype == torch.float32
        assert (part >= 0).all()


def test_positive():
    x = torch.linspace(-20, 20, 401, dtype=torch.float64)
    expected = [naive_min_gru.positive(value) for value in x.tolist()]
    torch.testing.assert_close(positive(x), torch.tensor(expected, dtype=torch.float64))
    assert positive(torch.zeros(1)).item() == 0.5


def test_hooks_of_a_cell_run_at_every_step(rng):
    cell, calls = build(rng), []
    assert cell.has_sequence
    cell.register_forward_hook(lambda *_: calls.append(1))
    assert not cell.has_sequence


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("value", ["abc", 2.5, True, 0, -1, None])
@pytest.mark.parametrize("key", ["input_size", "hidden_size", "num_layers"])
def test_refusals(key, value):
    with pytest.raises(Refusal) as refusal:
        MinGRU(**{"input_size": F, "hidden_size": C, key: value})
    assert str(refusal.value) == f"{key}={value!r}: must be an integer of at least 1"
