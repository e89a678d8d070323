"""The Lie-access NTM: against naive loops, examples set by hand, its growth, and refused values."""

import math

import pytest
import torch

from src.cells.base import state_size
from src.cells.lie_access_ntm import LieAccessNTM
from src.common.checks import Refusal
from src.networks.recurrent import Recurrent
from tests import naive_lie_access as naive

B, T, F, M, C, R = 2, 5, 3, 4, 6, 2


def make(rng, **options):
    """A machine with random weights in float64, and an input."""
    cell = LieAccessNTM(
        F, M, controller_size=C, **{"read_heads": R, "controller": "feedforward", **options}
    ).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.add_(0.5 * torch.randn(weight.shape, generator=rng, dtype=torch.float64))
    return cell, torch.randn(B, T, F, generator=rng, dtype=torch.float64)


def run(cell, x, state=None):
    """Outputs [B, T, O], the state at the end, and the trace of each step."""
    state, outputs, traces = cell.initial_state(len(x)) if state is None else state, [], []
    for x_t in x.unbind(1):
        y, after, seen = cell.trace(x_t, state)
        stepped, state = cell.step(x_t, state)
        assert torch.equal(y, stepped)
        assert all(torch.equal(a, b) for a, b in zip(after[1:], state[1:], strict=True))
        outputs.append(y)
        traces.append(seen)
    return torch.stack(outputs, 1), state, traces


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("options", [{}, {"bound_action": False, "output_clip": 0.7}])
def test_equals_naive_loops(rng, kernel, d, options):
    cell, x = make(rng, kernel=kernel, dimensions=d, gate_bias=0.0, **options)
    y, _, traces = run(cell, x)
    expected = [naive.sequence(cell, one) for one in x]
    naive_y = torch.stack(
        [
            torch.stack([torch.stack([torch.as_tensor(v).double() for v in step]) for step in ys])
            for ys, _ in expected
        ]
    )
    torch.testing.assert_close(y, naive_y, rtol=1e-6, atol=1e-8)
    for t in range(1, T):
        w = torch.tensor(
            [[[float(torch.as_tensor(v).detach()) for v in head] for head in ws[t]] for _, ws in expected]
        )
        torch.testing.assert_close(traces[t]["weighting"][:, :R, :-1].float(), w, rtol=1e-5, atol=1e-6)
    dy = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    weights = list(cell.parameters())
    found = torch.autograd.grad((y * dy).sum(), weights)
    slow = torch.autograd.grad((naive_y * dy).sum(), weights)
    for one, other in zip(found, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_the_memory_is_empty_at_first_and_grows_by_one_item_a_step(rng):
    cell, x = make(rng, controller="lstm")
    y, state, traces = run(cell, x)
    assert (y[:, 0, C:] == 0).all()  # nothing is read before the first write
    assert (y[:, 1:, C:] != 0).all()
    assert state.keys.shape == (B, T, 2)
    assert state.values.shape == (B, T, M)
    assert state.strengths.shape == (B, T)
    assert [seen["weighting"].shape for seen in traces] == [(B, R + 1, n) for n in range(1, T + 1)]
    for t, seen in enumerate(traces):
        assert (seen["weighting"][:, :R, t] == 0).all()  # the read is before the write
        assert (seen["weighting"][:, R] == torch.eye(t + 1, dtype=torch.float64)[t]).all()
        if t:
            torch.testing.assert_close(seen["weighting"].sum(2), torch.ones(B, R + 1, dtype=torch.float64))
        assert torch.equal(seen["memory"], state.values[:, : t + 1])
        assert torch.equal(seen["add"][:, 0], state.values[:, t])
        assert torch.equal(torch.stack([seen["x"], seen["y"]], 2)[:, R], state.keys[:, t])
        assert torch.equal(seen["strength"][:, R], state.strengths[:, t])
        assert seen["strength"][:, :R].isnan().all()
    assert cell.state_size_after(T) == state_size(state)
    assert cell.state_size_after(0) == state_size(cell.initial_state(1, 99))
    torch.stack([y[:, 0].sum(), y.sum()]).sum().backward()
    assert all(torch.isfinite(weight.grad).all() for weight in cell.parameters())


@pytest.mark.parametrize("d", [1, 2])
def test_a_grown_state_fits_and_another_does_not(rng, d):
    cell, x = make(rng, dimensions=d)
    network = Recurrent(cell, 2).double()
    _, state = network(x)
    assert network(x, state)[1].keys.shape == (B, 2 * T, d)
    with pytest.raises(ValueError, match=r"state\.values is \[2, 4, 4\]: must be \[2, 5, 4\]"):
        network(x, state._replace(values=state.values[:, 1:]))
    with pytest.raises(ValueError, match=r"state\.keys is of type float: must be a tensor"):
        network(x, state._replace(keys=1.0))


class Scripted(torch.nn.Module):
    """In place of the layer of the heads: given raw numbers, whatever the controller says."""

    def __init__(self, rows):
        super().__init__()
        self.rows, self.t = rows, -1

    def forward(self, h):
        self.t += 1
        return self.rows[self.t].expand(len(h), -1)


OPEN, SHUT = 20.0, -20.0


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_a_head_that_returns_reads_what_it_wrote(kernel):
    """The write head steps by +1, four times; the read head then begins at 1 and follows, or comes back."""
    written = torch.tensor([[0.9, 0.1], [-0.4, 0.6], [0.2, -0.8], [-0.5, -0.3]])
    for start, step in [(1.0, 1.0), (4.0, -1.0)]:
        cell = LieAccessNTM(
            F, 2, controller_size=C, dimensions=1, kernel=kernel, bound_action=False, output_clip=None
        )
        rows = []
        for t in range(8):
            gate = OPEN if t == 4 else SHUT
            action = 0.0 if t <= 4 else step
            value = written[t].atanh() if t < 4 else torch.zeros(2)
            read_head, write_head = [start, action, gate], [0.0, 1.0 if t < 4 else 100.0, SHUT]
            temperature = [SHUT] if kernel == "gaussian" else []
            rows.append(torch.tensor([*read_head, *write_head, *value, OPEN, *temperature]))
        cell.heads = Scripted(rows)
        state, read = zeros(cell), []
        for _ in range(8):
            y, state = cell.step(torch.zeros(1, F), state)
            read.append(y[0, C:])
        expected = written if step > 0 else written.flip(0)
        torch.testing.assert_close(torch.stack(read[4:]), expected, rtol=0, atol=1e-4)


def zeros(cell):
    """The state before the first step of a machine on a line whose heads have no weights."""
    state = LieAccessNTM(F, 2, controller_size=C, dimensions=1).initial_state(1)
    return state._replace(controller=cell.controller.initial_state(1))


def test_the_write_head_begins_with_shifts_alone():
    cell = LieAccessNTM(F, M, controller_size=C)
    with torch.no_grad():
        cell.heads.weight.zero_()
    _, state, traces = run(cell, torch.ones(1, 3, F))
    along = torch.tensor([1.0, 2.0, 3.0]) / math.sqrt(2)
    torch.testing.assert_close(state.keys[0], torch.stack([along, torch.zeros(3)], 1), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(traces[0]["gate"], torch.tensor([[0.5, 1 / (1 + math.exp(10))]]))


@pytest.mark.parametrize("kernel", ["inverse_square", "gaussian"])
def test_all_items_at_one_address_give_no_nan(kernel):
    cell = LieAccessNTM(F, M, controller_size=C, kernel=kernel)
    with torch.no_grad():
        cell.heads.weight.zero_()
        cell.heads.bias.zero_()
    x = torch.zeros(1, 40, F, requires_grad=True)
    y, state, _ = run(cell, x)
    assert (state.keys == 0).all()
    y.sum().backward()
    for one in (y, x.grad, *(weight.grad for weight in cell.parameters())):
        assert torch.isfinite(one).all()


def test_long_sequences_need_little_memory():
    network = Recurrent(LieAccessNTM(F, M, controller_size=C), 2)
    with torch.no_grad():
        y, state = network(torch.rand(2, 300, F, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(y).all()
    assert state.values.shape == (2, 300, M)


def test_initial_values_by_head():
    cell = LieAccessNTM(
        F,
        read_heads=2,
        gate_bias={"read": [0.5, -20.0], "write": [-10.0]},
        action_init={"read": [1.0, 0.0], "write": 0.25},
    )
    numbers = cell.heads.bias[: 3 * cell.layout.size].view(3, -1)
    found = {name: numbers[:, cell.layout.starts[name]].tolist() for name in ("gate", "action")}
    assert found == {"gate": [0.5, -20.0, -10.0], "action": [1.0, 0.0, 0.25]}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"word_size": 0}, "word_size=0: must be an integer of at least 1"),
        ({"read_heads": 1.5}, "read_heads=1.5: must be an integer of at least 1"),
        ({"dimensions": 3}, "dimensions=3: must be an integer of at least 1 and at most 2"),
        (
            {"kernel": "gausian"},
            "kernel='gausian': must be one of inverse_square, gaussian; did you mean 'gaussian'?",
        ),
        ({"bound_action": 1}, "bound_action=1: must be true or false"),
        ({"gate_bias": "x"}, "gate_bias='x': must be a finite number"),
        (
            {"gate_bias": {"read": 0}},
            "gate_bias={'read': 0}: must be one value for all heads, or {read: .., write: ..}",
        ),
        (
            {"action_init": {"read": 0, "write": 1e9}},
            "action_init.write=1000000000.0: must be a finite number of at least",
        ),
        (
            {"gate_bias": {"read": [0, 1], "write": 0}},
            "gate_bias.read=[0, 1]: must be one value, or a list of 1, one for each read head",
        ),
        ({"output_clip": 0}, "output_clip=0: must be a finite number above 0"),
        ({"controller": "rnn"}, "controller='rnn': must be one of lstm, gru, feedforward, counter_lstm"),
        ({"controller_size": -1}, "controller_size=-1: must be an integer of at least 1"),
        ({"numbers": [F]}, f"numbers=[{F}]: must be a list of integers from 0 to {F - 1}"),
    ],
)
def test_refusals(options, text):
    with pytest.raises(Refusal) as refused:
        LieAccessNTM(F, **options)
    assert str(refused.value).startswith(text)
