"""Pointer-Augmented Neural Memory: against naive loops, a unit set by hand, its growth, and refused values."""

import pytest
import torch

from src.cells.base import state_size
from src.cells.panm import PANM
from src.common.checks import Refusal
from src.networks.recurrent import Recurrent
from tests import naive_panm as naive

B, T, F, P, C, U, E, CONTROLLER, BITS = 2, 5, 3, 2, 3, 4, 6, 7, 5
H = P + C
SIZES = {
    "address_bits": BITS,
    "pointers": P,
    "content_pointers": C,
    "pointer_size": U,
    "encoder_size": E,
    "controller_size": CONTROLLER,
}


def make(rng, **options):
    """A cell with random weights in float64, and an input."""
    cell = PANM(F, **{**SIZES, **options}).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.add_(0.5 * torch.randn(weight.shape, generator=rng, dtype=torch.float64))
    return cell, torch.randn(B, T, F, generator=rng, dtype=torch.float64)


def run(cell, x, state=None):
    """Outputs [B, T, O], the state at the end, and the trace of each step."""
    state, outputs, traces = cell.initial_state(len(x)) if state is None else state, [], []
    for x_t in x.unbind(1):
        y, state, seen = cell.trace(x_t, state)
        outputs.append(y)
        traces.append(seen)
    return torch.stack(outputs, 1), state, traces


def begun_at(cell, base):
    """The state before the first step, with the list from an address on."""
    state, first = cell.initial_state(B), cell.bank[base].expand(B, -1)
    return state._replace(first=first, pointers=first.unsqueeze(1).expand(-1, cell.pointers, -1))


@pytest.mark.parametrize("content_pointers", [0, C])
@pytest.mark.parametrize("base", [0, 29])
def test_equals_naive_loops(rng, base, content_pointers):
    cell, x = make(rng, content_pointers=content_pointers)
    y, _, traces = run(cell, x, begun_at(cell, base))
    expected = [naive.sequence(cell, one, base) for one in x]
    naive_y = torch.stack([torch.stack([torch.stack(step) for step in outputs]) for outputs, _ in expected])
    torch.testing.assert_close(y, naive_y)
    for t in range(T):
        w = torch.stack([torch.stack([torch.stack(head) for head in ws[t]]) for _, ws in expected])
        torch.testing.assert_close(traces[t]["weighting"], w)
    dy = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    weights = list(cell.parameters())
    found = torch.autograd.grad((y * dy).sum(), weights)
    for one, other in zip(found, torch.autograd.grad((naive_y * dy).sum(), weights), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("content_pointers", [0, C])
def test_a_sequence_in_one_call_equals_steps(rng, content_pointers):
    """Values, states and gradients, also from a state with a list."""
    cell, x = make(rng, content_pointers=content_pointers)
    first, second = x.requires_grad_().split([2, T - 2], 1)
    _, before, _ = run(cell, first, begun_at(cell, 29))
    stepped, by_steps, _ = run(cell, second, before)
    at_once, after = cell.sequence(second, cell.sequence(first, begun_at(cell, 29))[1])
    torch.testing.assert_close(at_once, stepped)
    torch.testing.assert_close(tuple(after), tuple(by_steps))
    dy = torch.randn(stepped.shape, generator=rng, dtype=torch.float64)
    wanted = [x, *cell.parameters()]
    for one, other in zip(
        torch.autograd.grad((at_once * dy).sum(), wanted),
        torch.autograd.grad((stepped * dy).sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_a_sequence_is_stepped_where_a_part_was_changed(rng):
    """A hook sees every step, and a part of another class may do anything."""
    cell, x = make(rng)
    assert cell.has_sequence
    calls = []
    hook = cell.content_query.register_forward_hook(lambda *_: calls.append(1))
    assert not cell.has_sequence
    Recurrent(cell, 2).double()(x)
    assert len(calls) == T
    hook.remove()
    assert cell.has_sequence
    cell.anchor = Anchors(1)
    assert not cell.has_sequence


def test_the_list_grows_by_one_item_a_step(rng):
    cell, x = make(rng)
    _, state, traces = run(cell, x)
    assert state.values.shape == (B, T, E)
    assert cell.state_size_after(T) == state_size(state)
    assert cell.state_size_after(0) == state_size(cell.initial_state(1, 99))
    for t, seen in enumerate(traces):
        assert seen["weighting"].shape == (B, H, t + 1)
        torch.testing.assert_close(seen["weighting"].sum(2), torch.ones(B, H, dtype=torch.float64))
        assert torch.equal(seen["memory"], state.values[:, : t + 1])
        anchors = torch.stack([seen[name] for name in ("stay", "to_first", "to_last")])
        torch.testing.assert_close(anchors[..., :P].sum(0), torch.ones(B, P, dtype=torch.float64))
        assert anchors[..., P:].isnan().all()
        assert seen["read"].shape == (B, H, E)


def test_names_of_the_pointers():
    names = ["pointer 1", "pointer 2", "content pointer 1", "content pointer 2", "content pointer 3"]
    assert PANM(F, **SIZES).head_names == names


def set_to_add_one(cell):
    """Set the units of a cell with 2^bits units: one for each address, which asks for the next one."""
    signs = cell.bank
    with torch.no_grad():
        for weight in (cell.weight_pointer, cell.weight_unit, cell.bias_pointer, cell.bias_unit):
            weight.zero_()
        size = cell.pointer_size
        cell.weight_pointer[..., 2 * size :] = 20 * signs.T  # 1 where all bits are those of its address, else -1
        cell.bias_pointer[..., 2 * size :] = 20 * (1 - cell.address_bits)
        cell.bias_pointer[..., size : 2 * size] = -40.0  # nothing is kept
        cell.weight_query[:] = 20 * signs.roll(-1, 0)


class Anchors(torch.nn.Module):
    """In place of the layer of the anchors: to the first address at one step, and staying at all others."""

    def __init__(self, at):
        super().__init__()
        self.at, self.t = at, -1

    def forward(self, encoded):
        self.t += 1
        return encoded.new_tensor([0.0, 40.0 if self.t == self.at else -40.0, -40.0]).expand(len(encoded), -1)


@pytest.mark.parametrize("base", [0, 5])
def test_a_pointer_that_adds_one_walks_the_list(rng, base):
    """It returns to the first address after 4 steps, and then reads one item after another, also round the end."""
    cell = PANM(F, 3, 1, 0, 8, E, CONTROLLER)
    set_to_add_one(cell)
    cell.anchor = Anchors(4)
    _, state, traces = run(cell, torch.rand(B, 8, F, generator=rng), begun_at(cell, base))
    for t, item in enumerate([0, 1, 2, 3, 1, 2, 3, 4]):
        torch.testing.assert_close(traces[t]["weighting"][:, 0], torch.eye(t + 1)[item].expand(B, -1))
        torch.testing.assert_close(traces[t]["read"][:, 0], state.values[:, item])


def test_lists_begin_at_random_addresses_in_training_alone():
    cell = PANM(F, **SIZES)
    zero = torch.full((64, BITS), -1.0)
    assert torch.equal(cell.initial_state(64).first, zero)  # no training has begun
    cell.at_progress(0.25)
    once = cell.initial_state(64).first
    assert len(once.unique(dim=0)) > 20
    assert torch.equal(cell.initial_state(64).first, once)
    cell.at_progress(0.26)
    assert not torch.equal(cell.initial_state(64).first, once)
    cell.at_progress(0.25)
    assert torch.equal(cell.initial_state(64).first, once)
    assert torch.equal(cell.eval().initial_state(64).first, zero)
    firsts = set()
    for update in range(1024):  # also a number of updates that is a power of two: no address comes again and again
        cell.train().at_progress(update / 1024)
        firsts.add(tuple(map(tuple, cell.initial_state(4).first.tolist())))
    assert len(firsts) > 1000
    fixed = PANM(F, **SIZES, random_base=False)
    fixed.at_progress(0.25)
    assert torch.equal(fixed.initial_state(64).first, zero)


def test_no_global_random_numbers_are_drawn():
    cell = PANM(F, **SIZES)
    cell.at_progress(0.5)
    before = torch.get_rng_state()
    cell.initial_state(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_sequence_longer_than_the_addresses():
    network, x = Recurrent(PANM(F, **{**SIZES, "address_bits": 2}), 3), torch.rand(B, 4, F)
    _, state = network(x)
    with pytest.raises(Refusal) as refused:
        network(torch.rand(B, 5, F))
    assert str(refused.value) == "address_bits=2: must be at least 3 for a sequence of 5 steps"
    with pytest.raises(Refusal, match=r"^address_bits=2: must be at least 3 for a sequence of 8 steps$"):
        network(x, state)
    with pytest.raises(Refusal, match=r"^address_bits=2: must be at least 3 for a sequence of 5 steps$"):
        network.cell(x[:, 0], state)


def test_a_grown_state_fits_and_another_does_not(rng):
    cell, x = make(rng)
    network = Recurrent(cell, 2).double()
    _, state = network(x)
    assert network(x, state)[1].values.shape == (B, 2 * T, E)
    with pytest.raises(ValueError, match=r"state\.values is \[2, 5, 5\]: must be \[2, 5, 6\]"):
        network(x, state._replace(values=state.values[..., 1:]))


def test_zero_weights_give_no_nan():
    cell = PANM(F, **SIZES)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
    y, _, _ = run(cell, torch.zeros(1, 30, F))
    y.sum().backward()
    assert torch.isfinite(y).all()
    assert all(torch.isfinite(weight.grad).all() for weight in cell.parameters())


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"address_bits": 0}, "address_bits=0: must be an integer of at least 1 and at most 16"),
        ({"address_bits": 17}, "address_bits=17: must be an integer of at least 1 and at most 16"),
        ({"pointers": 0}, "pointers=0: must be an integer of at least 1"),
        ({"content_pointers": -1}, "content_pointers=-1: must be an integer of at least 0"),
        ({"pointer_size": 2.0}, "pointer_size=2.0: must be an integer of at least 1"),
        ({"encoder_size": 0}, "encoder_size=0: must be an integer of at least 1"),
        ({"controller_size": "x"}, "controller_size='x': must be an integer of at least 1"),
        ({"anchor_bias": None}, "anchor_bias=None: must be a finite number"),
        ({"random_base": 1}, "random_base=1: must be true or false"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refused:
        PANM(F, **options)
    assert str(refused.value) == text
