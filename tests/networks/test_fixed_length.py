"""Networks over sequences of fixed length: values against a naive implementation, one answer, no state."""

import pytest
import torch

from src.common.checks import Refusal
from src.networks.cnn import CNN
from src.networks.mlp import MLP
from src.networks.resnet1d import Block, ResNet1D
from tests import naive

B, F, O = 3, 2, 4  # noqa: E741
NETWORKS = {
    "mlp": lambda steps: MLP(steps, F, O, [7, 6]),
    "cnn": lambda steps: CNN(steps, F, O, 5),
    "resnet1d": lambda steps: ResNet1D(steps, F, O, 5, 2),
}
each_network = pytest.mark.parametrize("name", NETWORKS)


def relu(x):
    return [relu(v) for v in x] if isinstance(x, list) else max(x, 0.0)


def plus(x, y):
    return [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(x, y, strict=True)]


def naive_mlp(weights, x):
    h = [v for step in x for v in step]
    for layer in ("1", "3"):
        h = relu(naive.affine(weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"], h))
    return naive.affine(weights["layers.5.weight"], weights["layers.5.bias"], h)


def naive_cnn(weights, x):
    h = [list(row) for row in zip(*x, strict=True)]
    for layer in ("0", "2", "4"):
        h = relu(naive.convolution(weights[f"layers.{layer}.weight"], weights[f"layers.{layer}.bias"], h, 2, 1))
    return naive.affine(weights["layers.7.weight"], weights["layers.7.bias"], [v for row in h for v in row])


def naive_resnet1d(weights, x):
    def convolved(place, h):
        weight = weights[f"{place}.0.weight"]
        h = naive.convolution(weight, [0.0] * len(weight), h, 1, 2)
        return naive.normalised(weights[f"{place}.1.weight"], weights[f"{place}.1.bias"], h)

    h = relu(convolved("stem", [list(row) for row in zip(*x, strict=True)]))
    for block in ("blocks.0", "blocks.1"):
        h = relu(plus(h, convolved(f"{block}.second", relu(convolved(f"{block}.first", h)))))
    return naive.affine(weights["readout.weight"], weights["readout.bias"], [sum(row) / len(row) for row in h])


def build(name, steps, rng):
    """A network with random weights in float64, and an input."""
    network = NETWORKS[name](steps).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=rng, dtype=torch.float64))
    return network, torch.randn(B, steps, F, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("steps", [40, 20])
@each_network
def test_equals_the_naive_implementation(rng, name, steps):
    network, x = build(name, steps, rng)
    y, state = network(x)
    weights = {key: weight.tolist() for key, weight in network.state_dict().items()}
    reference = {"mlp": naive_mlp, "cnn": naive_cnn, "resnet1d": naive_resnet1d}[name]
    expected = torch.tensor([[reference(weights, sequence)] for sequence in x.tolist()], dtype=torch.float64)
    assert y.shape == (B, 1, O)
    assert state == ()
    torch.testing.assert_close(y, expected, rtol=1e-9, atol=1e-9)


@each_network
def test_a_trace_is_the_answer_and_is_empty(rng, name):
    network, x = build(name, 20, rng)
    y, state, seen = network.trace(x)
    assert torch.equal(y, network(x)[0])
    assert not y.requires_grad
    assert (state, seen) == ((), {})
    assert (network.state_size_after(9), network.engine, network.memory_slots) == (0, None, None)


@each_network
def test_sequences_of_a_batch_are_independent_in_training_and_evaluation(rng, name):
    network, x = build(name, 20, rng)
    whole = network.train()(x)[0]
    torch.testing.assert_close(torch.cat([network(one)[0] for one in x.split(1)]), whole)
    assert torch.equal(network.eval()(x)[0], whole)


def test_a_block_whose_second_convolution_is_zero_is_the_identity(rng):
    block = Block(5)
    h = torch.rand(B, 5, 9, generator=rng)
    assert not torch.allclose(block(h), h, atol=0.1)
    with torch.no_grad():
        block.second[0].weight.zero_()
    assert torch.equal(block(h), h)


def test_parameter_counts():
    def count(network):
        return sum(weight.numel() for weight in network.parameters())

    assert count(CNN(40, 1, 10)) == 5210  # the paper's
    assert count(CNN(20, 1, 10)) == 5210 - 2 * 25 * 10  # 3 steps remain instead of 5
    assert count(ResNet1D(40, 1, 10)) == count(ResNet1D(20, 1, 10)) < 100_000


@each_network
def test_sequences_of_changing_length_are_refused(name):
    with pytest.raises(Refusal) as refusal:
        NETWORKS[name](None)
    assert str(refusal.value) == (
        f"name={name!r}: reads sequences of one length and answers once, but this task's length changes "
        "and it answers at every step; must be one that goes step by step, such as lstm or ntm"
    )


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda value: MLP(20, F, O, [3, value]), "hidden_sizes[1]"),
        (lambda value: CNN(20, F, O, value), "channels"),
        (lambda value: ResNet1D(20, F, O, value, 2), "channels"),
        (lambda value: ResNet1D(20, F, O, 5, value), "blocks"),
    ],
)
@pytest.mark.parametrize("value", [0, 2.5, True, "3", None])
def test_invalid_sizes_are_refused(make, key, value):
    with pytest.raises(Refusal) as refusal:
        make(value)
    assert str(refusal.value) == f"{key}={value!r}: must be an integer of at least 1"


@each_network
@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((B, 11, F), "x has 11 steps: must have 12"),
        ((B, 12, F + 1), f"x is [3, 12, 3]: must be [batch, steps, {F}], with at least one sequence and one step"),
        ((0, 12, F), f"x is [0, 12, 2]: must be [batch, steps, {F}], with at least one sequence and one step"),
    ],
)
def test_an_input_that_does_not_fit(name, shape, message, unchecked_types):
    with pytest.raises(ValueError) as refusal:  # noqa: PT011
        NETWORKS[name](12)(torch.zeros(shape))
    assert str(refusal.value) == message
