"""Networks are ordinary modules of torch: copies, transforms and casts keep the results, and nothing is logged."""

import copy
import io
import pickle

import pytest
import torch
from torch.func import functional_call, grad, jacrev, stack_module_state, vmap

from src.cells.base import Cell
from src.cells.dms_ntm import DMSNTM
from src.cells.dnc import DNC
from src.cells.gru import GRU
from src.cells.lie_access_ntm import LieAccessNTM
from src.cells.lstm import LSTM
from src.cells.min_gru import MinGRU
from src.cells.ntm import NTM
from src.cells.panm import PANM
from src.networks.cnn import CNN
from src.networks.mlp import MLP
from src.networks.recurrent import Recurrent
from src.networks.resnet1d import ResNet1D
from src.networks.transformer import Transformer

B, T, F, O = 4, 5, 3, 2  # noqa: E741
SIZES = {"memory_slots": 6, "word_size": 4, "controller_size": 7, "write_heads": 2}


def recurrent(cls, **options):
    return lambda engine: Recurrent(cls(F, **SIZES, **options, engine=engine), O)


class Leaky(Cell):
    """A user's own cell: no more than a cell must have."""

    def __init__(self):
        super().__init__()
        self.input_size = self.output_size = F
        self.rate = torch.nn.Parameter(torch.full((F,), 0.3))

    def initial_state(self, batch_size, memory_slots=None):
        return (self.rate.new_zeros(batch_size, F),)

    def step(self, x, state):
        y = state[0] + self.rate * (x - state[0])
        return y, (y,)


MACHINES = {
    "ntm, lstm": recurrent(NTM, memory_init="learned"),
    "ntm, gru": recurrent(NTM, controller="gru"),
    "ntm, feedforward": recurrent(NTM, controller="feedforward", memory_init="random"),
    "dms_ntm, weighting, relative": recurrent(DMSNTM, motion="relative", num_scales=2),
    "dms_ntm, weighting, hybrid": recurrent(DMSNTM),
    "dms_ntm, position, hybrid": recurrent(DMSNTM, carry="position", num_scales=2, controller="gru"),
    "gru": lambda engine: Recurrent(GRU(F, 7, 2, engine), O),
    "dnc": lambda engine: Recurrent(DNC(F, memory_slots=6, word_size=4, controller_size=7, engine=engine), O),
}
OTHERS = {
    "lstm": lambda _: Recurrent(LSTM(F, 7, 2), O),
    "min_gru": lambda _: Recurrent(MinGRU(F, 7, 2), O),
    "lie_access_ntm": lambda _: Recurrent(LieAccessNTM(F, 4, controller_size=7), O),
    "panm": lambda _: Recurrent(PANM(F, 5, 2, 1, 4, 6, 7), O),
    "own cell": lambda _: Recurrent(Leaky(), O),
    "mlp": lambda _: MLP(T, F, O, [6]),
    "cnn": lambda _: CNN(T, F, O, 4),
    "resnet1d": lambda _: ResNet1D(T, F, O, 4, 1),
    "transformer": lambda _: Transformer(None, F, O, 8, 2, 2),
}
NETWORKS = {
    **{
        f"{name}, {engine}": (make, engine) for name, make in MACHINES.items() for engine in ("fused", "reference")
    },
    **{name: (make, None) for name, make in OTHERS.items()},
}


@pytest.fixture(params=NETWORKS)
def network(request):
    make, engine = NETWORKS[request.param]
    torch.manual_seed(0)
    made = make(engine)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.2 * torch.randn(weight.shape))
    return made


def ours(caplog):
    """The messages of this project; torch.compile has its own."""
    return [record.message for record in caplog.records if record.name.startswith("src")]


@pytest.fixture(autouse=True)
def silent(caplog):
    """Nothing is logged; warnings are errors in all tests."""
    caplog.set_level("INFO", "src")
    yield
    assert ours(caplog) == []


X = torch.randn(B, T, F, generator=torch.Generator().manual_seed(1))


def close(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def loss(network, x=X):
    return network(x)[0].square().sum()


def gradients(network):
    network.zero_grad()
    loss(network).backward()
    return {name: weight.grad for name, weight in network.named_parameters()}


def stored(network):
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda network: pickle.loads(pickle.dumps(network)),
    "torch.save": stored,
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_computes_the_same_and_shares_nothing(network, how):
    expected = network(X)[0]
    made = COPIES[how](network)
    assert torch.equal(made(X)[0], expected)
    close(gradients(made), gradients(network))
    with torch.no_grad():
        for weight in made.parameters():
            weight.zero_()
    assert torch.equal(network(X)[0], expected)
    assert not torch.equal(made(X)[0], expected)


def test_a_state_dict_has_all_that_a_new_network_needs(network, request):
    make, engine = NETWORKS[request.node.callspec.params["network"]]
    other = make(engine)
    assert not torch.allclose(other(X)[0], network(X)[0])
    assert other.load_state_dict(network.state_dict()) == torch.nn.modules.module._IncompatibleKeys([], [])
    assert torch.equal(other(X)[0], network(X)[0])


def test_functional_call_takes_the_given_weights(network):
    other = copy.deepcopy(network)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(1.5)
    before = network(X)[0]
    given = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    close(functional_call(network, given, (X,))[0], other(X)[0])
    assert torch.equal(network(X)[0], before)


def test_gradients_of_a_functional_call(network):
    weights = dict(network.named_parameters())
    found = grad(lambda given: functional_call(network, given, (X,))[0].square().sum())(weights)
    close(found, gradients(network))


def test_gradients_of_each_sequence(network):
    weights = {name: weight.detach() for name, weight in network.named_parameters()}

    def one(given, x):
        return functional_call(network, given, (x.unsqueeze(0),))[0].square().sum()

    found = vmap(grad(one), (None, 0))(weights, X)
    close({name: each.sum(0) for name, each in found.items()}, gradients(network))


def test_an_ensemble_by_vmap(network):
    networks = [copy.deepcopy(network) for _ in range(3)]
    with torch.no_grad():
        for n, one in enumerate(networks):
            for weight in one.parameters():
                weight.mul_(1 + n / 4)
    weights, buffers = stack_module_state(networks)
    found = vmap(lambda *given: functional_call(network, given, (X,))[0])(weights, buffers)
    close(found, torch.stack([one(X)[0] for one in networks]))


def test_the_jacobian_with_respect_to_an_input(network):
    found = jacrev(lambda x: network(x)[0].sum((0, 1)))(X)
    x = X.clone().requires_grad_()
    expected = [torch.autograd.grad(network(x)[0][..., o].sum(), x)[0] for o in range(O)]
    close(found, torch.stack(expected))


def test_autocast(network):
    with torch.autocast("cpu", torch.bfloat16):
        y = network(X)[0]
        found = loss(network)
    found.float().backward()
    torch.testing.assert_close(y.float(), network(X)[0], rtol=0.05, atol=0.05)


def test_double_precision(network):
    expected = network(X)[0]
    close(network.to(torch.float64)(X.double())[0].float(), expected)
    close(network.to(torch.float32)(X)[0], expected)


def test_frozen_weights(network):
    expected = network(X)[0]
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(network, x), x)
    network.requires_grad_(False)
    assert not network(X)[0].requires_grad
    close(network(x)[0], expected)
    loss(network, x).backward()
    close(x.grad, gradient)
    assert all(weight.grad is None for weight in network.parameters())


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_without_gradients(network, context):
    expected = network(X)[0]
    with context():
        y, state = network(X)
        network(X, state)
    assert not y.requires_grad
    close(y.clone(), expected)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.filterwarnings("ignore")  # of torch itself
@pytest.mark.parametrize("name", ["gru, fused", "own cell", "mlp"])
def test_torch_compile(name):
    """With the backend that needs no C++ compiler; tests/engines/test_boundary.py has a machine, slow to trace."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    make, engine = NETWORKS[name]
    network = make(engine)
    compiled = torch.compile(network, backend="eager")
    close(compiled(X)[0], network(X)[0])
    loss(compiled).backward()
    found = {name: weight.grad for name, weight in network.named_parameters()}
    close(found, gradients(network))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("engine", ["auto", "fused"])
def test_a_compiled_cell_is_run_step_by_step(engine):
    cell = NTM(F, **SIZES, engine=engine)
    assert Recurrent(cell, O).engine == "fused"
    assert Recurrent(torch.compile(cell, backend="eager"), O).engine == "reference"
