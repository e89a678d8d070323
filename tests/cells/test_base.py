"""A cell called like a function does one step, as torch's own cells do."""

import pytest
import torch

from src.cells.base import Cell
from src.cells.dms_ntm import DMSNTM
from src.cells.feedforward import Feedforward
from src.cells.gru import GRU
from src.cells.lstm import LSTM
from src.cells.ntm import NTM

B, F, C = 2, 3, 5


class Counter(Cell):
    """A user's own cell: no more than a cell must have."""

    input_size, output_size = F, F

    def initial_state(self, batch_size, memory_slots=None):
        return (torch.ones(batch_size, F),)

    def step(self, x, state):
        return x + state[0], (state[0] + 1,)


CELLS = {
    "lstm": lambda: LSTM(F, C, 2),
    "gru": lambda: GRU(F, C),
    "feedforward": lambda: Feedforward(F, C),
    "ntm": lambda: NTM(F, 4, 6, controller_size=C),
    "dms_ntm": lambda: DMSNTM(F, 4, 6, controller_size=C),
    "own": Counter,
}
each_cell = pytest.mark.parametrize("make", CELLS.values(), ids=list(CELLS))


@each_cell
def test_a_call_is_one_step_from_the_given_or_the_initial_state(make, rng):
    cell, x = make(), torch.randn(2, B, F, generator=rng)
    y, state = cell(x[0])
    expected, expected_state = cell.step(x[0], cell.initial_state(B))
    assert torch.equal(y, expected)
    assert y.shape == (B, cell.output_size)
    assert torch.equal(cell(x[1], state)[0], cell.step(x[1], expected_state)[0])


def test_an_lstm_is_called_like_the_cell_of_torch(rng):
    cell, other = LSTM(F, C), torch.nn.LSTMCell(F, C)
    other.load_state_dict({name.removesuffix("_l0"): weight for name, weight in cell.layers.state_dict().items()})
    y, state = cell(torch.ones(B, F))
    y, state = cell(torch.zeros(B, F), state)
    h, c = other(torch.zeros(B, F), other(torch.ones(B, F)))
    torch.testing.assert_close((y, *state.cell), (h, c))


@each_cell
@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("shape", [(B, 7, F), (F,), (B, F + 1)], ids=["sequence", "no batch", "wide"])
def test_a_call_with_more_or_less_than_a_step_is_refused(make, shape):
    cell = make()
    for given in ((), (cell.initial_state(B),)):
        with pytest.raises(ValueError, match=r"^x is ") as refusal:
            cell(torch.zeros(shape), *given)
        must = f"must be [batch, {F}], one step; Recurrent(cell, output_size) takes whole sequences"
        assert str(refusal.value) == f"x is {list(shape)}: {must}"
