"""Recurrent networks with every kind of cell."""

import pytest
import torch
from torch.autograd import gradcheck

from src.cells.base import state_size
from src.cells.dms_ntm import DMSNTM
from src.cells.dnc import DNC
from src.cells.feedforward import Feedforward
from src.cells.gru import GRU
from src.cells.lie_access_ntm import LieAccessNTM
from src.cells.lstm import LSTM
from src.cells.min_gru import MinGRU
from src.cells.ntm import NTM
from src.cells.panm import PANM
from src.cells.tape_rnn import TapeRNN
from src.networks.recurrent import Recurrent

B, T, F, N, M, C, O = 3, 7, 2, 9, 5, 6, 4  # noqa: E741
READS, WRITES, K = 2, 1, 3
HEADS = READS + WRITES
MACHINE = {
    "memory_slots": N,
    "word_size": M,
    "controller_size": C,
    "read_heads": READS,
    "memory_init": "random",
    "engine": "reference",  # the fused one is tested against it in tests/engines/numba_cpu/test_fused.py
}


def dms(carry, motion):
    return lambda: DMSNTM(F, **MACHINE, carry=carry, motion=motion, num_scales=K)


#: Size of a memory that begins empty and grows by one item a step.
ITEMS = "items"
#: Constructor of a cell, size of its initial state, shapes of its trace without B and T.
CELLS = {
    "lstm": (lambda: LSTM(F, C, 2), 2 * 2 * C, {}),
    "gru": (lambda: GRU(F, C, 2, "reference"), 2 * C, {}),
    "min_gru": (lambda: MinGRU(F, C, 2), 2 * C, {}),
    "feedforward": (lambda: Feedforward(F, C), 0, {}),
    "tape_rnn": (
        lambda: TapeRNN(F, N, M, controller_size=C, mlp_sizes=[8]),
        2 * C + N * (M + 1) + 1,
        {
            "weighting": (1, N),
            **dict.fromkeys(("stay", "forward", "back", "jump_forward", "jump_back"), (1,)),
            "add": (1, M),
            "memory": (N, M),
            "read": (1, M),
        },
    ),
    "lie_access_ntm": (
        lambda: LieAccessNTM(F, M, controller_size=C, read_heads=READS),
        2 * C + 2 * HEADS + READS * M,
        {
            "weighting": (HEADS, ITEMS),
            **dict.fromkeys(("gate", "strength", "x", "y"), (HEADS,)),
            "add": (HEADS - READS, M),
            "memory": (ITEMS, M),
            "read": (READS, M),
        },
    ),
    "panm": (
        lambda: PANM(F, 5, READS, 1, 4, M, C),
        C + M + READS * (4 + 5) + 5,
        {
            "weighting": (READS + 1, ITEMS),
            **dict.fromkeys(("stay", "to_first", "to_last"), (READS + 1,)),
            "memory": (ITEMS, M),
            "read": (READS + 1, M),
        },
    ),
    "ntm": (lambda: NTM(F, **MACHINE), 2 * C + N * M + HEADS * N + READS * M, {}),
}
for carry, place in [("weighting", HEADS * N), ("position", HEADS)]:
    for motion in ("relative", "hybrid"):
        shapes = {"sigma": (HEADS, K)}
        names = ["delta"] if motion == "relative" else ["jump", "jump_distance"]
        shapes |= dict.fromkeys(names + (["position"] if carry == "position" else []), (HEADS,))
        CELLS[f"{carry}-{motion}"] = (dms(carry, motion), 2 * C + N * M + place + READS * M, shapes)
MACHINES = [name for name in CELLS if name == "ntm" or "-" in name]
BY_SLOT = {name: M + (0 if "position" in name else HEADS) for name in MACHINES} | {"tape_rnn": M + 1}
for name in MACHINES:
    CELLS[name][2].update({"weighting": (HEADS, N), "gate": (HEADS,), "memory": (N, M), "read": (READS, M)})
    CELLS[name][2].update({"erase": (HEADS - READS, M), "add": (HEADS - READS, M)})
CELLS["dnc"] = (
    lambda: DNC(F, **MACHINE),
    2 * C + N * (M + 3 + READS + N) + READS * M,
    {
        **dict.fromkeys(("free", "allocation", "write", "backward", "content", "forward"), (HEADS,)),
        "weighting": (HEADS, N),
        "memory": (N, M),
        "read": (READS, M),
        "erase": (1, M),
        "add": (1, M),
        "usage": (N,),
        "links": (N, N),
    },
)
each_cell = pytest.mark.parametrize("kind", CELLS)


def build(kind, rng):
    """A network with random weights in float64, and an input."""
    network = Recurrent(CELLS[kind][0](), O).double()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=rng, dtype=torch.float64))
    return network, torch.randn(B, T, F, generator=rng, dtype=torch.float64, requires_grad=True)


def flat(state):
    """All tensors of a state."""
    return [state] if isinstance(state, torch.Tensor) else [t for part in state for t in flat(part)]


def gradients(network, loss, x):
    network.zero_grad()
    x.grad = None
    loss.backward()
    return [x.grad.clone()] + [p.grad.clone() for p in network.parameters() if p.grad is not None]


def same(got, expected):
    torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-10)


@each_cell
@pytest.mark.parametrize("t", [1, 3, 6])
def test_a_sequence_in_two_parts_equals_the_whole(rng, kind, t):
    network, x = build(kind, rng)
    dy = torch.randn(B, T, O, generator=rng, dtype=torch.float64)
    whole, end = network(x)
    expected = gradients(network, (whole * dy).sum(), x)

    first, state = network(x[:, :t])
    second, after = network(x[:, t:], state)
    same(torch.cat([first, second], 1), whole)
    same(flat(after), flat(end))
    same(gradients(network, (torch.cat([first, second], 1) * dy).sum(), x), expected)

    if CELLS[kind][1]:  # without the state the second part differs
        assert not torch.allclose(network(x[:, t:])[0], second)


@each_cell
def test_equals_the_cell_step_by_step(rng, kind):
    network, x = build(kind, rng)
    state, outputs = network.cell.initial_state(B), []
    for t in range(T):
        output, state = network.cell.step(x[:, t], state)
        outputs.append(output @ network.readout.weight.T + network.readout.bias)
    y, end = network(x)
    assert y.shape == (B, T, O)
    same(y, torch.stack(outputs, 1))
    same(flat(end), flat(state))


@each_cell
def test_a_call_stores_nothing_and_repeats_exactly(rng, kind):
    network, x = build(kind, rng)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    attributes = {name: set(vars(module)) for name, module in network.named_modules()}
    start = network.initial_state(B)
    before = [part.clone() for part in flat(start)]
    once, end = network(x, start)
    twice, end_again = network(x, start)
    assert torch.equal(once, twice)
    assert all(torch.equal(a, b) for a, b in zip(flat(end), flat(end_again), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(flat(start), before, strict=True))
    assert torch.equal(network(x)[0], once)
    assert weights.keys() == network.state_dict().keys()
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert attributes == {name: set(vars(module)) for name, module in network.named_modules()}


@each_cell
def test_trace(rng, kind):
    network, x = build(kind, rng)
    _, middle = network(x[:, :2])
    for start, steps in ((None, T), (middle, T + 2)):
        y, end = network(x, start)
        y_traced, end_traced, seen = network.trace(x, start)
        same(y_traced, y)
        same(flat(end_traced), flat(end))
        assert not y_traced.requires_grad
        assert {name: tuple(value.shape) for name, value in seen.items()} == {
            name: (B, T, *(steps if size == ITEMS else size for size in shape))
            for name, shape in CELLS[kind][2].items()
        }
    if kind in MACHINES:
        same(seen["weighting"].sum(-1), torch.ones(B, T, HEADS, dtype=torch.float64))
        place = seen["position"] if "position" in seen else seen["weighting"]
        same(place[:, -1], end.heads)


@each_cell
def test_sequences_of_a_batch_are_independent(rng, kind):
    network, x = build(kind, rng)
    together, _ = network(x)
    for b in range(B):
        same(network(x[b : b + 1])[0], together[b : b + 1])
    (gradient,) = torch.autograd.grad(together[1].square().sum(), x)
    assert (gradient[[0, 2]] == 0).all()
    assert (gradient[1] != 0).any()


@each_cell
def test_outputs_do_not_depend_on_later_inputs(rng, kind):
    network, x = build(kind, rng)
    (gradient,) = torch.autograd.grad(network(x)[0][:, 3].square().sum(), x)
    assert (gradient[:, 4:] == 0).all()
    assert (gradient[:, 3] != 0).any()
    assert (gradient[:, 0] != 0).any() == (kind != "feedforward")


@each_cell
def test_padding_at_the_end_changes_nothing(rng, kind):
    network, x = build(kind, rng)
    target = torch.randn(B, T, O, generator=rng, dtype=torch.float64)

    def masked_loss(x, target, mask):
        return ((network(x)[0] - target).square() * mask[..., None]).sum()

    loss = masked_loss(x, target, torch.ones(B, T))
    expected = gradients(network, loss, x)
    padded = torch.nn.functional.pad(x.detach(), (0, 0, 0, 5)).requires_grad_()
    mask = torch.cat([torch.ones(B, T), torch.zeros(B, 5)], 1)
    loss_padded = masked_loss(padded, torch.nn.functional.pad(target, (0, 0, 0, 5)), mask)
    same(loss_padded, loss)
    x_gradient, *others = gradients(network, loss_padded, padded)
    same([x_gradient[:, :T], *others], expected)
    assert (x_gradient[:, T:] == 0).all()


@each_cell
def test_gradcheck(rng, kind):
    network, x = build(kind, rng)
    assert gradcheck(lambda x: network(x)[0], x[:1, :4].detach().requires_grad_())


@each_cell
def test_state_size(kind):
    network = Recurrent(CELLS[kind][0](), O)
    assert network.state_size_after(0) == CELLS[kind][1]
    assert state_size(network.initial_state(B)) == CELLS[kind][1]  # of one sequence
    grown = state_size(network.initial_state(B, 20)) - CELLS[kind][1]
    links = (20 * 20 - N * N) + (20 - N) * (M + 3 + READS) if kind == "dnc" else 0
    assert grown == (20 - N) * BY_SLOT.get(kind, 0) + links


@each_cell
def test_memory_slots_and_engine_of_a_network(kind):
    network = Recurrent(CELLS[kind][0](), O)
    assert network.memory_slots == (N if kind in (*MACHINES, "dnc", "tape_rnn") else None)
    assert network.engine == ("reference" if kind in (*MACHINES, "dnc", "gru") else None)


@pytest.mark.parametrize("kind", [*MACHINES, "dnc"])
def test_a_larger_memory(rng, kind):
    network, x = build(kind, rng)
    y, state = network(x, network.initial_state(B, 20))
    assert state.memory.shape == (B, 20, M)
    assert y.shape == (B, T, O)
    assert not torch.allclose(y, network(x)[0])
    assert network.trace(x, network.initial_state(B, 20))[2]["weighting"].shape == (B, T, HEADS, 20)
