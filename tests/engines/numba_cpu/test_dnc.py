"""The fused engine of the DNC against the reference: values, gradients, and which DNCs it runs."""

import pytest
import torch
from torch import nn

from src.cells.dnc import DNC
from src.common.checks import Refusal
from src.engines import choose
from src.networks.recurrent import Recurrent
from tests.engines.fused_cases import OUTPUTS, F, assert_engines_agree, assert_parts_agree, network

SIZES = {"memory_slots": 11, "word_size": 6, "controller_size": 9}
# With the default memory, slots not yet written to are alike, and rounding decides which is allocated first.
RANDOM = {"memory_init": "random"}
COUNTERS = {"controller": "counter_lstm", "numbers": (2,), "counters": 2, "counter_feedback": True}
COUNTERS |= {"counter_candidate": "linear"}
CASES = {
    "one-head": RANDOM,
    "heads-clip": {"read_heads": 3, "output_clip": 0.7, **RANDOM},
    "gru-no-clip": {"controller": "gru", "output_clip": None, "memory_init": "learned"},
    "feedforward-one-slot": {"controller": "feedforward", "memory_slots": 1},
    "counters-one-word": {**COUNTERS, "word_size": 1, "read_heads": 2},
    "counters-blind": {"controller": "counter_lstm", "numbers": (2,), "counters": 2, **RANDOM},
}
X = torch.zeros(2, 3, F)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (5, 19)])
def test_values_and_gradients(case, dtype, tolerance, batch, steps, rng):
    x = torch.randn(batch, steps, F, generator=rng, dtype=dtype)
    assert_engines_agree(network(DNC, {**SIZES, **CASES[case]}, dtype), x, tolerance)


def test_values_and_gradients_of_the_default_memory(rng):
    """In the first step, where all usage is 0, the first slot is allocated; see CASES."""
    x = torch.randn(5, 1, F, generator=rng, dtype=torch.float64)
    assert_engines_agree(network(DNC, SIZES, torch.float64), x, 1e-10)


def test_a_sequence_in_parts_with_either_engine(rng):
    net = network(DNC, {**SIZES, "read_heads": 2, **RANDOM}, torch.float64)
    x = torch.randn(2, 12, F, generator=rng, dtype=torch.float64)
    assert_parts_agree(net, x, net.initial_state(2, 15))


def test_only_some_gradients_are_asked_for(rng):
    """Outputs that no loss uses, and an input that needs no gradient."""
    net = network(DNC, SIZES, torch.float64)
    x = torch.randn(2, 4, F, generator=rng, dtype=torch.float64)
    found = []
    for net.cell.engine in ("reference", "fused"):
        net.zero_grad()
        net(x)[1].links.square().sum().backward()
        found.append({name: weight.grad for name, weight in net.named_parameters()})
    torch.testing.assert_close(*found)


def test_a_second_derivative_is_an_error():
    net = network(DNC, SIZES, torch.float64)
    x = X.double().requires_grad_()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(net(x)[0].sum(), x, create_graph=True)


@pytest.mark.parametrize("option", ["mask_keys", "erase_freed", "sharpen_links"])
def test_an_option_that_the_kernels_do_not_know(option, caplog):
    why = f"{option}=True is unknown to the kernels"
    cell = DNC(F, **SIZES, **{option: True}, engine="fused")
    with pytest.raises(Refusal) as refusal:
        Recurrent(cell, OUTPUTS)
    assert str(refusal.value) == f"engine='fused': must be auto or reference on this machine: {why}"
    cell.engine = "auto"
    net = Recurrent(cell, OUTPUTS)
    assert net.engine == "reference"
    assert caplog.messages == [f"engine=auto takes the reference engine, which is slow: {why}"]


class Own(DNC):
    """A DNC that looks up content in its own way."""

    def content(self, memory, interface, heads):
        return super().content(memory, interface, heads).roll(1, 2)


def test_a_dnc_that_overrides_a_method():
    cell = Own(F, **SIZES)
    assert choose.unknown(cell) == "Own.content is hooked, parametrised or replaced"
    assert Recurrent(cell, OUTPUTS).engine == "reference"


def test_hooks(caplog):
    """Those of the cell need the reference; its controller and its layers are called as they are."""
    net = network(DNC, SIZES, torch.float32)
    calls = []
    net.cell.interface.register_forward_hook(lambda *_: calls.append(1))
    assert net.engine == "fused"
    net(X)
    assert len(calls) == X.shape[1]
    net.cell.controller = nn.Module()
    assert net.engine == "fused"
    net.cell.register_forward_hook(lambda *_: None)
    assert net.engine == "reference"
    assert choose.uncovered(net.cell, X.device, X.dtype) == "DNC is hooked, parametrised or replaced"
    assert choose.uncovered(net.cell, X.device, torch.bfloat16).startswith("the fused engine computes in float32")
