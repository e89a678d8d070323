"""Validation of inputs, states and modules: both engines raise the same errors, which name the tensor."""

import numpy as np
import pytest
import torch
from torch.nn.utils import parametrizations, parametrize, prune

from src.cells import boundary
from src.cells.gru import GRU, GRUState
from src.cells.lstm import LSTM
from src.cells.ntm import NTM
from src.common.checks import Refusal
from src.engines import choose
from src.engines.numba_cpu.kernels import kernels
from src.networks.recurrent import Recurrent
from tests.engines.fused_cases import OUTPUTS, F, network

SIZES = {"memory_slots": 5, "word_size": 4, "controller_size": 7, "write_heads": 2}
pytestmark = pytest.mark.usefixtures("unchecked_types")
X = torch.zeros(2, 6, F)
MADE = {
    "fused": lambda: network(NTM, {**SIZES, "engine": "fused"}, torch.float32),
    "reference": lambda: network(NTM, {**SIZES, "engine": "reference"}, torch.float32),
    "lstm": lambda: Recurrent(LSTM(F, 7), OUTPUTS),
    "gru": lambda: Recurrent(GRU(F, 7), OUTPUTS),
}
each_engine = pytest.mark.parametrize("engine", ["fused", "reference"])
NEEDED = f"must be [batch, steps, {F}], with at least one sequence and one step"


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[..., :2], ValueError, f"x is [2, 6, 2]: {NEEDED}"),
        (torch.cat([X, X], 2), ValueError, f"x is [2, 6, 6]: {NEEDED}"),
        (X[0], ValueError, f"x is [6, 3]: {NEEDED}"),
        (X[:0], ValueError, f"x is [0, 6, 3]: {NEEDED}"),
        (X[:, :0], ValueError, f"x is [2, 0, 3]: {NEEDED}"),
        (X.double(), TypeError, "x is torch.float64 on cpu: must be torch.float32 on cpu, as the weights are"),
        (X.to("meta"), TypeError, "x is torch.float32 on meta: must be torch.float32 on cpu, as the weights are"),
        (np.zeros((2, 6, F)), TypeError, "x is of type ndarray: must be a tensor"),
    ],
    ids=["narrow", "wide", "one sequence", "no sequence", "no step", "float64", "meta", "numpy"],
)
def test_an_input_that_does_not_fit(made, x, error, message):
    net = MADE[made]()
    for call in (net, net.trace, lambda x: net(x, net.initial_state(2))):
        with pytest.raises(error) as refusal:
            call(x)
        assert str(refusal.value) == message


def short(part):
    return lambda state: state._replace(**{part: getattr(state, part)[:1]})


@each_engine
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (short("memory"), ValueError, "state.memory is [1, 5, 4]: must be [2, 5, 4]"),
        (short("heads"), ValueError, "state.heads is [1, 3, 5]: must be [2, 3, 5]"),
        (short("reads"), ValueError, "state.reads is [1, 1, 4]: must be [2, 1, 4]"),
        (
            lambda state: state._replace(memory=state.memory[:, :3]),
            ValueError,
            "state.heads is [2, 3, 5]: must be [2, 3, 3]",
        ),
        (
            lambda state: state._replace(memory=state.memory[:, :0]),
            ValueError,
            "state.memory is [2, 0, 4]: must be [2, 1, 4]",
        ),
        (
            lambda state: state._replace(memory=state.memory[..., 0]),
            ValueError,
            "state.memory is [2, 5]: must be [2, 5, 4]",
        ),
        (
            lambda state: state._replace(controller=state.controller._replace(cell=(torch.zeros(2, 6),))),
            ValueError,
            "state.controller.cell[0] is [2, 6]: must be [2, 7]",
        ),
        (
            lambda state: state._replace(controller=GRUState((torch.zeros(2, 7),))),
            ValueError,
            "state.controller is of type GRUState of 1: must be of type LSTMState of 2, as initial_state gives it",
        ),
        (
            tuple,
            ValueError,
            "state is of type tuple of 4: must be of type MachineState of 4, as initial_state gives it",
        ),
        (
            list,
            ValueError,
            "state is of type list: must be of type MachineState of 4, as initial_state gives it",
        ),
        (
            lambda state: state._replace(reads=None),
            ValueError,
            "state.reads is of type NoneType: must be a tensor",
        ),
        (
            lambda state: state._replace(reads=state.reads.double()),
            TypeError,
            "state.reads is torch.float64 on cpu: must be torch.float32 on cpu, as the weights are",
        ),
        (
            lambda state: state._replace(memory=state.memory.to("meta")),
            TypeError,
            "state.memory is torch.float32 on meta: must be torch.float32 on cpu, as the weights are",
        ),
    ],
    ids=range(13),
)
def test_a_state_that_does_not_fit(engine, change, error, message):
    """Each part is checked when the network is called or traced, and when the engine is called directly."""
    net = MADE[engine]()
    state = change(net.initial_state(2))
    running = choose.engine_for(net.cell, engine)
    calls = [net, net.trace, lambda x, state: running.sequence(net.cell, x, state)]
    for call in calls:
        with pytest.raises(error) as refusal:
            call(X, state)
        assert str(refusal.value) == message


def test_a_state_of_float64_compiles_nothing():
    """Kernels for further types would be cached, too, and the next process would take the cache for damaged."""
    net = MADE["fused"]()
    net(X)
    forward, _ = kernels("ntm", np.dtype(np.float32))
    before = list(forward.signatures)
    state = net.initial_state(2)
    with pytest.raises(TypeError, match=r"state\.memory is torch\.float64"):
        net(X, state._replace(memory=state.memory.double()))
    with pytest.raises(TypeError, match="No matching definition"):
        forward(*range(8))
    assert forward.signatures == before


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda cell: setattr(cell, "heads", torch.nn.Linear(7, 5)), r"heads\.weight is \[5, 7\].*must be \["),
        (
            lambda cell: setattr(cell.heads, "bias", torch.nn.Parameter(torch.zeros(3))),
            r"heads\.bias is \[3\].*must be \[",
        ),
        (
            lambda cell: setattr(cell, "controller", LSTM(F + 4, 6)),
            r"state\.controller|controller is \[24, 14\].*must be",
        ),
    ],
    ids=["heads", "bias", "controller"],
)
def test_weights_of_other_sizes_are_refused(alter, message):
    net = MADE["fused"]()
    state = net.initial_state(2)
    alter(net.cell)
    with pytest.raises(ValueError, match=message):
        net(X, state)


class Halved(torch.nn.Module):
    """A parametrisation."""

    def forward(self, weight):
        return 0.5 * weight


def halve(module, inputs, output):
    """A forward hook."""
    return (0.5 * output[0], *output[1:]) if isinstance(output, tuple) else 0.5 * output


ALTERATIONS = {
    "hook": lambda module, _: module.register_forward_hook(halve),
    "pruned": lambda module, name: prune.random_unstructured(module, name, 0.5),
    "parametrised": lambda module, name: parametrize.register_parametrization(module, name, Halved()),
    "weight norm": lambda module, name: parametrizations.weight_norm(module, name),
    "replaced": lambda module, _: setattr(
        module, "forward", lambda *given: halve(module, given, type(module).forward(module, *given))
    ),
}


@pytest.mark.parametrize(
    ("where", "how"),
    [
        *((where, how) for where in ("heads", "controller.layers") for how in ALTERATIONS),
        ("controller", "hook"),
        ("controller", "replaced"),
    ],
)
@pytest.mark.parametrize("controller", ["lstm", "gru"])
def test_an_altered_module_runs_with_the_reference_engine(controller, how, where, caplog):
    """Equal results and gradients in two calls, and one warning."""
    net = network(NTM, {**SIZES, "controller": controller, "engine": "fused"}, torch.float32)
    x, name = torch.randn(2, 4, F), "weight" if where == "heads" else "weight_hh_l0"
    plain = net(x)[0]
    torch.manual_seed(3)
    ALTERATIONS[how](net.cell.get_submodule(where), name)
    results = []
    for engine in ("fused", "reference"):
        net.cell.engine = engine
        for _ in range(2):
            net.zero_grad()
            y = net(x)[0]
            y.square().sum().backward()
        results.append([y.detach(), *(weight.grad.clone() for weight in net.parameters())])
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
    assert torch.allclose(plain, results[0][0], rtol=0, atol=1e-5) == (how == "weight norm")
    expected = f"{where} is hooked, parametrised or replaced: the reference engine runs it, slower."
    assert caplog.messages == [expected]


@pytest.mark.parametrize("cell", [LSTM, GRU])
@pytest.mark.parametrize("how", ["hook", "pruned", "parametrised"])
def test_altered_layers_without_a_memory(cell, how):
    """One call and single steps agree, and the alteration has an effect."""
    net = Recurrent(cell(F, 7, 2), OUTPUTS)
    x = torch.randn(2, 4, F)
    plain = net(x)[0]
    ALTERATIONS[how](net.cell.layers, "weight_hh_l1")
    y = net(x)[0]
    by_step, state = [], net.initial_state(2)
    for x_t in x.unbind(1):
        out, state = net.cell(x_t, state)
        by_step.append(out)
    torch.testing.assert_close(net.readout(torch.stack(by_step, 1)), y)
    assert not torch.allclose(y, plain)


def test_hooks_of_a_cell_see_every_step():
    for net in (MADE["lstm"](), MADE["gru"](), MADE["fused"](), MADE["reference"]()):
        seen = []
        net.cell.register_forward_hook(lambda cell, inputs, output, seen=seen: seen.append(inputs[0].shape))
        net(X)
        assert seen == [(2, F)] * 6


class Doubled(torch.nn.Linear):
    """A layer that overrides forward."""

    def forward(self, x):
        return 2.0 * super().forward(x)


class RolledAddress(NTM):
    """A machine that overrides address."""

    def address(self, raw, memory, before):
        w, heads, seen = super().address(raw, memory, before)
        return w.roll(1, 2), heads, seen


def wrapped(cell):
    cell.heads = torch.nn.Sequential(cell.heads, torch.nn.Tanh())


def another_layer(cell):
    cell.controller.layer = Doubled(*reversed(cell.controller.layer.weight.shape))


def another_step(cell):
    step = cell.controller.step
    cell.controller.step = lambda x, state: (2.0 * step(x, state)[0], step(x, state)[1])


def another_address(cell):
    address = cell.address
    cell.address = lambda *given: (address(*given)[0].roll(1, 2), *address(*given)[1:])


@pytest.mark.parametrize(
    ("change", "altered"),
    [
        (wrapped, "heads"),
        (another_layer, "controller"),
        (another_step, "controller"),
        (another_address, "NTM"),
        (lambda cell: setattr(cell, "__class__", RolledAddress), "RolledAddress.address"),
        (lambda cell: cell.controller.layer.register_parameter("bias", None), "controller"),
    ],
    ids=["heads", "layer", "step", "address", "subclass", "no bias"],
)
def test_a_machine_with_a_replaced_part_runs_with_the_reference_engine(change, altered, caplog):
    net = network(NTM, {**SIZES, "controller": "feedforward", "engine": "fused"}, torch.float32)
    x = torch.randn(2, 4, F)
    plain = net(x)[0]
    change(net.cell)
    results = []
    for engine in ("fused", "reference"):
        net.cell.engine = engine
        results.append(net(x)[0])
    assert torch.equal(*results)
    assert not torch.allclose(plain, results[0])
    assert caplog.messages == [
        f"{altered} is hooked, parametrised or replaced: the reference engine runs it, slower."
    ]


def test_the_readout_may_be_replaced():
    """By a module without weights, as for the extraction of features."""
    for made in ("fused", "lstm"):
        net = MADE[made]()
        features, _ = choose.engine_for(net.cell, net.engine_choice).sequence(net.cell, X, net.initial_state(2))
        net.readout = torch.nn.Identity()
        torch.testing.assert_close(net(X)[0], features)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("shift_range", 100, "shift_range=100"), ("content_addressing", False, "content_addressing=False")],
)
def test_options_changed_after_construction_are_refused(option, value, message):
    """The kernels would read out of bounds."""
    net = MADE["fused"]()
    setattr(net.cell, option, value)
    with pytest.raises(ValueError, match=rf"^{message}: changed after construction, no longer fits the weights"):
        net(X)


@each_engine
def test_a_controller_may_be_replaced_after_a_call(engine):
    net = MADE[engine]()
    net(X)
    net.cell.controller = GRU(F + 4, 7)
    y, state = net(X)
    assert isinstance(state.controller, GRUState)
    torch.testing.assert_close(net(X, net.initial_state(2))[0], y)


@pytest.mark.parametrize("bad", [0, -1, 2.5, "3", True])
def test_an_invalid_batch_size_is_refused(bad):
    with pytest.raises(Refusal, match=r"^batch_size=.*: must be an integer of at least 1"):
        MADE["fused"]().initial_state(bad)


def test_an_input_that_is_no_sequence_is_refused():
    for net in (MADE["fused"](), MADE["lstm"]()):
        with pytest.raises(TypeError, match=r"^x is of type NoneType: must be a tensor"):
            net(None)
        with pytest.raises(ValueError, match=r"^x is \[\]: must be \[batch, steps, 3\]"):
            net(torch.tensor(1.0))


def test_second_derivatives_are_an_error():
    """Zeros would be wrong; the reference engine computes them."""
    x = torch.randn(1, 2, F)
    net = MADE["fused"]()

    def penalty():
        given = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(net(given)[0].square().sum(), given, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), given)[0]

    with pytest.raises(RuntimeError, match=r"first derivatives only; model\.engine=reference has higher ones"):
        penalty()
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.functional.hessian(lambda x: net(x)[0].square().sum(), x)
    net.cell.engine = "reference"
    assert penalty().abs().max() > 0


def test_transforms_of_torch_func_use_the_reference_engine():
    x = torch.randn(1, 2, F)
    found = []
    for engine in ("fused", "reference"):
        net = network(NTM, {**SIZES, "controller": "feedforward", "engine": engine}, torch.float32)
        found.append(torch.func.grad(lambda x, net=net: net(x)[0].square().sum())(x))
    assert torch.equal(*found)


@pytest.mark.filterwarnings("ignore")  # warnings of torch.compile
def test_torch_compile_uses_the_reference_engine(caplog):
    """Without a word. The backend eager needs no C++ compiler."""
    caplog.set_level("INFO", "src")
    torch._dynamo.reset()
    net, x = MADE["fused"](), torch.randn(1, 2, F)
    compiled = torch.compile(net, backend="eager")
    torch.testing.assert_close(compiled(x)[0], net(x)[0])
    assert [one.message for one in caplog.records if one.name.startswith("src")] == []


def test_more_layers_than_the_kernels_support(caplog):
    net = network(NTM, {**SIZES, "engine": "fused"}, torch.float32)
    net.cell.controller.layers = torch.nn.LSTM(F + 4, 7, 2, batch_first=True)
    for engine in ("fused", "reference"):
        net.cell.engine = engine
        with pytest.raises(ValueError, match="zip"):
            net(X)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("made", MADE)
def test_an_input_of_half_precision_under_autocast(made):
    """As after another layer; the state keeps its dtype."""
    net, x = MADE[made](), torch.randn(2, 4, F)
    with torch.autocast("cpu", torch.bfloat16):
        y, state = net(x.bfloat16())
        again, _ = net(x.bfloat16(), state)
    assert y.shape == again.shape
    torch.testing.assert_close(y.float(), net(x)[0], rtol=0, atol=0.1)


@each_engine
def test_a_sparse_tensor_is_refused(engine):
    net = MADE[engine]()
    with pytest.raises(TypeError) as refusal:
        net(X.to_sparse())
    assert str(refusal.value) == "x is torch.sparse_coo: must be torch.strided, a dense tensor"
    state = net.initial_state(2)
    with pytest.raises(TypeError) as refusal:
        net(X, state._replace(reads=state.reads.to_sparse()))
    assert str(refusal.value) == "state.reads is torch.sparse_coo: must be torch.strided, a dense tensor"


def test_names_of_altered_modules():
    net = MADE["fused"]()
    assert boundary.altered(net) is None
    handle = net.register_forward_hook(halve)
    assert boundary.altered(net) == "Recurrent"
    handle.remove()
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *given: None)
    assert boundary.altered(net) == "every module"
    handle.remove()
    net.cell.controller.layers.register_full_backward_hook(lambda *given: None)
    assert boundary.altered(net.cell) == "controller.layers"
