"""The fused engine of a GRU without a memory against torch: values, gradients, and which GRUs it runs."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from src.cells.gru import GRU
from src.common.checks import Refusal
from src.engines import choose
from src.networks.recurrent import Recurrent
from tests.engines.fused_cases import OUTPUTS, F, assert_engines_agree, assert_parts_agree, network

X = torch.zeros(2, 3, F)


@pytest.mark.parametrize(
    "options", [{"hidden_size": 1}, {"hidden_size": 20, "num_layers": 3}], ids=["unit", "deep"]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (19, 7)])
def test_values_and_gradients(options, dtype, tolerance, batch, steps, rng):
    x = torch.randn(batch, steps, F, generator=rng, dtype=dtype)
    assert_engines_agree(network(GRU, options, dtype), x, tolerance)


def test_a_sequence_in_parts_with_either_engine(rng):
    net = network(GRU, {"hidden_size": 9, "num_layers": 2}, torch.float64)
    x = torch.randn(2, 12, F, generator=rng, dtype=torch.float64)
    assert_parts_agree(net, x)


def test_several_threads_share_the_rows(rng, two_threads):
    net = network(GRU, {"hidden_size": 9}, torch.float64)
    x = torch.randn(21, 5, F, generator=rng, dtype=torch.float64)
    with net.prepared():
        assert_engines_agree(net, x, 1e-10)


@pytest.mark.parametrize("used", ["outputs", "state"])
def test_only_some_gradients_are_asked_for(used):
    net, found = network(GRU, {"hidden_size": 5}, torch.float64), []
    for net.cell.engine in ("reference", "fused"):
        net.zero_grad()
        y, state = net(X.double())
        (y if used == "outputs" else state.hidden[0]).square().sum().backward()
        found.append({name: weight.grad for name, weight in net.named_parameters()})
    torch.testing.assert_close(*found)


def test_what_a_backward_cannot_do():
    net = network(GRU, {"hidden_size": 5}, torch.float64)
    x = X.double().requires_grad_()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(net(x)[0].sum(), x, create_graph=True)
    loss = net(x)[0].sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="runs backward only once"):
        loss.backward()
    y, _ = choose.engine_for(net.cell, "fused").sequence(net.cell, x, None)
    loss = y.sum()
    with torch.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("name", "shape"), [("weight_hh_l0", (15, 4)), ("weight_ih_l0", (12, F)), ("bias_hh_l0", (14,))]
)
def test_weights_of_other_sizes(name, shape):
    """The kernels check no bounds."""
    net = network(GRU, {"hidden_size": 5}, torch.float32)
    setattr(net.cell.layers, name, nn.Parameter(torch.zeros(shape)))
    net.cell.layers.bias_ih_l0 = nn.Parameter(torch.zeros(12 if "ih" in name else 15))
    with pytest.raises(ValueError, match="weights of other sizes than for 5 units"):
        net(X)


class Own(GRU):
    """A GRU with a step of its own."""

    def step(self, x, state):
        return super().step(x.roll(1, 1), state)


def test_a_gru_that_overrides_a_method():
    assert choose.unknown(Own(F, 5)) == "Own.step is hooked, parametrised or replaced"
    assert Recurrent(Own(F, 5), OUTPUTS).engine == "reference"


def bidirectional(cell):
    cell.layers = nn.GRU(F, 5, batch_first=True, bidirectional=True)


ALTERED = {
    "hook": (lambda cell: cell.register_forward_hook(lambda *_: None), "GRU"),
    "hook of the layers": (lambda cell: cell.layers.register_forward_hook(lambda *_: None), "layers"),
    "pruned": (lambda cell: prune.random_unstructured(cell.layers, "weight_hh_l0", 0.5), "layers"),
    "step replaced": (lambda cell: setattr(cell, "step", cell.step), "GRU"),
    "layers replaced": (bidirectional, "layers"),
}


@pytest.mark.parametrize("case", ALTERED)
def test_an_altered_gru(case):
    alter, name = ALTERED[case]
    net = Recurrent(GRU(F, 5), OUTPUTS)
    assert net.engine == "fused"
    alter(net.cell)
    assert net.engine == "reference"
    why = f"{name} is hooked, parametrised or replaced"
    assert choose.uncovered(net.cell, X.device, X.dtype) == why


def test_an_unknown_engine():
    with pytest.raises(Refusal) as refused:
        GRU(F, 5, engine="numba")
    assert str(refused.value) == "engine='numba': must be one of auto, fused, reference"
