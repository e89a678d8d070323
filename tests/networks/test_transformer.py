"""Transformer: values against a naive implementation, causality, splitting, positions, limits and refusals."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.func import functional_call

from src.cells.base import state_size
from src.networks.transformer import POSITIONS, Transformer
from tests import naive_transformer

B, T, F, O = 2, 7, 3, 4  # noqa: E741
L, H, D = 2, 3, 6
C = H * D
each_kind = pytest.mark.parametrize("positions", POSITIONS)


def build(positions, rng, **options):
    """A network with random weights in float64, and an input."""
    sizes = {"hidden_size": C, "num_layers": L, "num_heads": H, "mlp_factor": 2, "max_positions": 40, **options}
    network = Transformer(None, F, O, positions=positions, **sizes).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.4 * torch.randn(weight.shape, generator=rng, dtype=torch.float64))
    return network, torch.randn(B, T, F, generator=rng, dtype=torch.float64, requires_grad=True)


def same(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-10)


def gradients(network, loss, x):
    return torch.autograd.grad(loss, [x, *network.parameters()])


@each_kind
def test_equals_the_naive_implementation(rng, positions):
    network, x = build(positions, rng)
    weights = {name: weight.tolist() for name, weight in network.state_dict().items()}
    y, _ = network(x)
    seen = network.trace(x)[2]
    assert seen["weighting"].shape == (B, T, L * H, T)
    for b in range(B):
        expected, shown = naive_transformer.run(weights, x[b].tolist(), L, H, positions)
        same(y[b], torch.tensor(expected, dtype=torch.float64))
        for layer in range(L):
            for head in range(H):
                for t in range(T):
                    row = [*shown[layer][head][t], *[0.0] * (T - 1 - t)]
                    same(seen["weighting"][b, t, layer * H + head], torch.tensor(row, dtype=torch.float64))


@each_kind
def test_gradients(rng, positions):
    network, x = build(positions, rng, num_layers=1, num_heads=1, hidden_size=2, max_positions=4)
    names = [name for name, _ in network.named_parameters()]

    def output(x, *weights):
        return functional_call(network, dict(zip(names, weights, strict=True)), (x,))[0]

    assert gradcheck(output, (x[:1, :4].detach().requires_grad_(), *network.parameters()))


@each_kind
@pytest.mark.parametrize("t", [1, 3, 6])
def test_a_sequence_in_two_parts_equals_the_whole(rng, positions, t):
    network, x = build(positions, rng)
    dy = torch.randn(B, T, O, generator=rng, dtype=torch.float64)
    whole, end = network(x)
    expected = gradients(network, (whole * dy).sum(), x)
    first, state = network(x[:, :t])
    second, after = network(x[:, t:], state)
    parts = torch.cat([first, second], 1)
    same(parts, whole)
    same([*after.keys, *after.values], [*end.keys, *end.values])
    same(gradients(network, (parts * dy).sum(), x), expected)
    assert not torch.allclose(network(x[:, t:])[0], second)


@each_kind
def test_step_by_step_equals_the_whole(rng, positions):
    network, x = build(positions, rng)
    state, outputs = network.initial_state(B), []
    for x_t in x.split(1, 1):
        y, state = network(x_t, state)
        outputs.append(y)
    same(torch.cat(outputs, 1), network(x)[0])


@each_kind
def test_outputs_do_not_depend_on_later_inputs_and_other_sequences(rng, positions):
    network, x = build(positions, rng)
    (gradient,) = torch.autograd.grad(network(x)[0][1, 3].square().sum(), x)
    assert (gradient[1, 4:] == 0).all()
    assert (gradient[1, :4] != 0).all()
    assert (gradient[0] == 0).all()


@each_kind
def test_a_trace(rng, positions):
    network, x = build(positions, rng)
    for start in (None, network(x[:, :2])[1]):
        past = 0 if start is None else 2
        y, end = network(x, start)
        y_traced, end_traced, seen = network.trace(x, start)
        same([y_traced, *end_traced.keys, *end_traced.values], [y, *end.keys, *end.values])
        assert not y_traced.requires_grad
        weighting, memory = seen["weighting"], seen["memory"]
        assert list(seen) == ["weighting", "memory"]
        assert weighting.shape == (B, T, L * H, past + T)
        same(weighting.sum(-1), torch.ones(B, T, L * H, dtype=torch.float64))
        assert memory.shape == (B, T, past + T, C)
        for t in range(T):
            assert (weighting[:, t, :, : past + t + 1] > 0).all()
            assert (weighting[:, t, :, past + t + 1 :] == 0).all()
            same(memory[:, t, : past + t + 1], end.values[-1].transpose(1, 2).flatten(2)[:, : past + t + 1])
            assert (memory[:, t, past + t + 1 :] == 0).all()
    assert network.head_names == [f"layer {one} head {two}" for one in (1, 2) for two in (1, 2, 3)]


@each_kind
def test_the_state(rng, positions):
    network, x = build(positions, rng)
    start = network.initial_state(B, 20)
    assert (state_size(start), network.state_size_after(0)) == (0, 0)
    same(network(x, start)[0], network(x)[0])
    assert network.state_size_after(T) == state_size(network(x)[1]) == 2 * L * C * T
    assert (network.engine, network.memory_slots) == (None, None)


def test_positions_matter(rng):
    """One layer without positions answers the last step alike for any order of the earlier ones."""
    for positions in POSITIONS:
        network, x = build(positions, rng, num_layers=1)
        permuted = x[:, [2, 0, 1, 4, 3, 5, 6]]
        equal = torch.allclose(network(permuted)[0][:, -1], network(x)[0][:, -1])
        assert equal == (positions == "none")


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_only_differences_of_positions_matter(rng, positions):
    """After steps that no head attends to, all is as without them."""
    network, _ = build(positions, rng)
    shifted = network._places(30, T, True)
    places = network._places(0, T, True)
    if positions == "rotary":
        h = torch.randn(B, T, C, generator=rng, dtype=torch.float64)
        empty = network.initial_state(B).keys[0]
        expected = network.blocks[0](h, empty, empty, places, True)[0]
        same(network.blocks[0](h, empty, empty, places._replace(rotation=shifted.rotation), True)[0], expected)
    else:
        same(shifted.mask[..., 30:], places.mask)


def test_longest_sequence(rng):
    network, x = build("learned", rng, max_positions=T)
    assert network.longest_sequence == T
    _, state = network(x)
    for arguments, text in [
        ((torch.cat([x, x], 1),), f"x has {2 * T} steps: must have at most max_positions={T} in all"),
        ((x[:, :1], state), f"x has 1 steps after {T}: must have at most max_positions={T} in all"),
    ]:
        with pytest.raises(ValueError, match="max_positions") as refusal:
            network(*arguments)
        assert str(refusal.value) == text
    for positions in ("rotary", "alibi", "none"):
        network, x = build(positions, rng, max_positions=2)
        assert network.longest_sequence is None
        network(x)


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_long_sequences(rng, positions):
    """In float32 the outputs of a long sequence equal those of float64, in one call and in two."""
    network, _ = build(positions, rng)
    x = torch.randn(1, 1500, F, generator=rng)
    expected = network(x.double())[0]
    network.float()
    y, _ = network(x)
    first, state = network(x[:, :1001])
    torch.testing.assert_close(y.double(), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(torch.cat([first, network(x[:, 1001:], state)[0]], 1), y, rtol=1e-3, atol=1e-3)
    y.square().mean().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


@each_kind
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast(rng, positions, half):
    network, x = build(positions, rng)
    network, x = network.float(), x.detach().float()
    exact, end = network(x)
    with torch.autocast("cpu", half):
        first, state = network(x[:, :3])
        second, after = network(x[:, 3:].to(half), state)
        traced = network.trace(x)[0]
        loss = network(x)[0].float().square().sum()
    torch.testing.assert_close(torch.cat([first, second], 1).float(), exact, rtol=0.1, atol=0.2)
    torch.testing.assert_close(traced.float(), exact, rtol=0.1, atol=0.2)
    assert all(part.dtype == torch.float32 for part in (*after.keys, *after.values))
    assert after.keys[0].shape == end.keys[0].shape
    loss.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in network.parameters())


def test_dropout_is_active_in_training_only(rng):
    network, x = build("rotary", rng, dropout=0.5)
    assert not torch.equal(network.train()(x)[0], network(x)[0])
    assert torch.equal(network.eval()(x)[0], network(x)[0])
    assert all(block.dropout.p == 0 for block in Transformer(None, F, O).blocks)
