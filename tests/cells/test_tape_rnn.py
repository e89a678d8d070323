"""The Tape-RNN, against a slow reference and with moves set by hand."""

import pytest
import torch
from torch.autograd import gradcheck

from src.cells.tape_rnn import TapeRNN
from src.common import checks
from src.memory import tape as equations
from src.networks.recurrent import Recurrent
from tests import naive, naive_tape

B, T, F, N, M, C = 3, 6, 2, 7, 4, 5
LENGTHS = torch.tensor([3, 1, 9])  # the last is more than the cells there are


def cell(**options):
    torch.manual_seed(1)
    return TapeRNN(F, **{"memory_slots": N, "word_size": M, "controller_size": C, "mlp_sizes": [6, 8]} | options)


def relu(xs):
    return [max(x, 0.0) for x in xs]


@pytest.mark.parametrize("oracle", [True, False])
def test_equals_the_naive_loop(float64, rng, oracle):
    tape_rnn = cell(controller="feedforward", oracle=oracle)
    for weight in tape_rnn.parameters():
        weight.data += 0.4 * torch.randn(weight.shape, generator=rng)
    x = torch.randn(B, T, F, generator=rng)
    state = tape_rnn.initial_state(B, input_length=LENGTHS)
    outputs = []
    for t in range(T):
        output, state = tape_rnn.step(x[:, t], state)
        outputs.append(output)
    layers = [(one.weight.tolist(), one.bias.tolist()) for one in tape_rnn.word if hasattr(one, "weight")]
    control = tape_rnn.controller.layer.weight, tape_rnn.controller.layer.bias
    for b, length in enumerate(LENGTHS.tolist()):
        tape = [[0.0] * M for _ in range(N)]
        advances = [0, 1, -1, length, -length] if oracle else [0, 1, -1]
        for t in range(T):
            raw = naive.affine(control[0].tolist(), control[1].tolist(), x[b, t].tolist() + tape[0])
            h = torch.tensor(raw).tanh().tolist()
            torch.testing.assert_close(outputs[t][b].tolist(), h)
            word = h
            for i, (weight, bias) in enumerate(layers):
                word = naive.affine(weight, bias, word)
                word = relu(word) if i < len(layers) - 1 else word
            action = naive.affine(tape_rnn.action.weight.tolist(), tape_rnn.action.bias.tolist(), h)
            tape = naive_tape.moved([word, *tape[1:]], naive.softmax(action), advances)
        torch.testing.assert_close(state.tape[b, :, :-1].tolist(), tape)


def forced(tape_rnn, move):
    """Make a cell choose one move, and write the input followed by zeros."""
    with torch.no_grad():
        for weight in tape_rnn.parameters():
            weight.zero_()
        tape_rnn.action.bias[equations.MOVES.index(move)] = 100.0
    return tape_rnn


@pytest.mark.parametrize(
    ("move", "places"),
    [
        ("stay", [0, 0, 0]),
        ("forward", [0, 1, 2]),
        ("back", [0, 6, 5]),
        ("jump_forward", [0, 3, 6]),
        ("jump_back", [0, 4, 1]),
    ],
)
def test_a_head_goes_where_its_move_leads(move, places):
    network = Recurrent(forced(cell(), move), 3)
    _, _, seen = network.trace(torch.zeros(1, 3, F), network.initial_state(1, input_length=torch.tensor([3])))
    assert seen["weighting"][0, :, 0].argmax(-1).tolist() == places
    assert seen[move].flatten().tolist() == pytest.approx([1.0] * 3)


def test_a_jump_leads_back_to_what_was_written():
    """Words are written going forward; after a jump back by the length of the input, the first one is read."""
    tape = torch.zeros(1, N, M)
    forward, jump = torch.eye(5)[1:2], torch.eye(5)[4:5]
    advance = equations.advances(torch.tensor([3.0]), 5)
    for n in range(3):
        tape = torch.cat([torch.full((1, 1, M), n + 1.0), tape[:, 1:]], 1)
        tape = equations.move(tape, forward, advance)
    assert equations.move(tape, jump, advance)[0, :4, 0].tolist() == [1.0, 2.0, 3.0, 0.0]


def test_the_trace_shows_the_tape_from_where_the_head_began():
    tape_rnn = forced(cell(), "forward")
    with torch.no_grad():
        tape_rnn.word[-1].bias.copy_(torch.arange(1.0, 1.0 + M))
    network = Recurrent(tape_rnn, 3)
    _, _, seen = network.trace(torch.zeros(1, 3, F), network.initial_state(1))
    written = seen["memory"][0].abs().sum(-1) > 0.5
    assert written.tolist() == [[n <= t for n in range(N)] for t in range(3)]
    assert torch.equal(seen["add"][0, 1, 0], torch.arange(1.0, 1.0 + M))
    assert seen["read"].abs().max() < 1e-6  # every cell is empty when the head comes


def test_the_place_of_the_head_is_a_distribution_and_what_is_computed_does_not_depend_on_it(rng):
    network = Recurrent(cell(), 3)
    x = torch.randn(B, T, F, generator=rng)
    start = network.initial_state(B, input_length=LENGTHS)
    _, state, seen = network.trace(x, start)
    torch.testing.assert_close(state.tape[..., -1].sum(-1), torch.ones(B))
    torch.testing.assert_close(seen["weighting"].sum(-1), torch.ones(B, T, 1))
    without = torch.cat([start.tape[..., :-1], torch.zeros(B, N, 1)], 2)
    assert torch.equal(network(x, start._replace(tape=without))[0], network(x, start)[0])


def test_gradients(float64, rng):
    tape_rnn = cell(controller="gru")
    start = tape_rnn.initial_state(B, input_length=LENGTHS)
    x = torch.randn(B, 3, F, generator=rng, requires_grad=True)

    def outputs(x, *weights):
        return torch.func.functional_call(Run(tape_rnn, start), named(weights), (x,))

    names = [f"cell.{name}" for name, _ in tape_rnn.named_parameters()]

    def named(weights):
        return dict(zip(names, weights, strict=True))

    assert gradcheck(outputs, (x, *tape_rnn.parameters()), fast_mode=True)


class Run(torch.nn.Module):
    """A cell from a given state."""

    def __init__(self, cell, start):
        super().__init__()
        self.cell, self.start = cell, start

    def forward(self, x):
        state, outputs = self.start, []
        for x_t in x.unbind(1):
            output, state = self.cell(x_t, state)
            outputs.append(output)
        return torch.stack(outputs, 1), state.tape


def test_without_a_length_the_jumps_stay(rng):
    """As a call without a state does."""
    network = Recurrent(cell(), 3)
    x = torch.randn(B, T, F, generator=rng)
    assert torch.equal(network(x)[0], network(x, network.initial_state(B, input_length=torch.zeros(B)))[0])
    assert not torch.equal(network(x)[0], network(x, network.initial_state(B, input_length=LENGTHS))[0])


def test_the_tape_takes_any_number_of_cells(rng):
    network = Recurrent(cell(), 3)
    x = torch.randn(B, T, F, generator=rng)
    _, state = network(x, network.initial_state(B, N + 4))
    assert state.tape.shape == (B, N + 4, M + 1)
    assert network(x, state)[1].tape.shape == (B, N + 4, M + 1)
    with pytest.raises(ValueError, match=r"state\.tape"):
        network(x, state._replace(tape=state.tape[..., :M]))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"memory_slots": 0}, "memory_slots=0: must be an integer of at least 1"),
        ({"word_size": 2.5}, "word_size=2.5: must be an integer of at least 1"),
        ({"oracle": 1}, "oracle=1: must be true or false"),
        ({"mlp_sizes": []}, "mlp_sizes=[]: must be a list of integers of at least 1"),
        ({"mlp_sizes": [8, 0]}, "mlp_sizes[1]=0: must be an integer of at least 1"),
        ({"controller": "rnn"}, "controller='rnn': must be one of lstm, gru, feedforward, counter_lstm"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(options, text):
    with pytest.raises(checks.Refusal) as refusal:
        cell(**options)
    assert str(refusal.value).startswith(text)
