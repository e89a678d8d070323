"""A machine whose heads have a nested state, here with bookmarks."""

from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from src.cells.base import state_size
from src.cells.layout import Field, Layout
from src.cells.machine import Machine, MachineState
from src.engines import choose
from src.networks.recurrent import Recurrent

B, T, F, N, M, C, O = 2, 5, 3, 6, 4, 7, 4  # noqa: E741
HEADS = 3


class Marks(NamedTuple):
    """Bookmark of each head."""

    bookmark: Float[Tensor, "B H N"]
    age: Float[Tensor, "B H"]


class Places(NamedTuple):
    """State of the heads."""

    weighting: Float[Tensor, "B H N"]
    marks: Marks
    usage: Float[Tensor, "B N"]


class Bookmarked(Machine):
    """Heads move by one slot or back to their bookmark, by one gate; usage sums the weightings."""

    def __init__(self) -> None:
        super().__init__(F, N, M, "lstm", C, 2, 1, False, 0.0, 0.0, "random", 20.0, "auto")

    def head_layout(self) -> Layout:
        return Layout(Field("back", squash=torch.sigmoid, shown=True))

    def initial_heads(self, batch_size: int, slots: int) -> Places:
        zeros = self.initial_memory.new_zeros
        w = zeros(batch_size, HEADS, slots)
        w[:, :, 0] = 1.0
        return Places(w, Marks(w, zeros(batch_size, HEADS)), zeros(batch_size, slots))

    def address(self, raw, memory, before):
        numbers = self.layout.read(raw)
        back = numbers.back.unsqueeze(2)
        w = back * before.marks.bookmark + (1.0 - back) * before.weighting.roll(1, 2)
        marks = Marks(before.marks.bookmark.lerp(w, 0.5), before.marks.age + 1.0)
        return w, Places(w, marks, before.usage + w.sum(1)), self.layout.shown(numbers)

    def trace(self, x, state):
        output, state, seen = super().trace(x, state)
        return output, state, replace(seen, others={"usage": state.heads.usage})


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Recurrent(Bookmarked().double(), O).double()


@pytest.fixture
def x(rng):
    return torch.randn(B, T, F, generator=rng, dtype=torch.float64)


def test_steps_a_sequence_and_a_trace_agree(net, x):
    y, after = net(x)
    state, outputs = net.initial_state(B), []
    for x_t in x.unbind(1):
        output, state = net.cell.step(x_t, state)
        outputs.append(output)
    torch.testing.assert_close(net.readout(torch.stack(outputs, 1)), y)
    assert isinstance(after, MachineState)
    assert isinstance(after.heads, Places)
    torch.testing.assert_close(after, state)
    y_traced, after_traced, seen = net.trace(x)
    torch.testing.assert_close(y_traced, y)
    torch.testing.assert_close(after_traced, after)
    assert seen.weighting.shape == (B, T, HEADS, N)
    assert seen.numbers["back"].shape == (B, T, HEADS)
    torch.testing.assert_close(seen["usage"][:, -1], after.heads.usage)
    torch.testing.assert_close(after.heads.usage.sum(1), torch.full((B,), float(T * HEADS), dtype=torch.float64))
    assert (after.heads.marks.age == T).all()


def test_a_sequence_in_two_parts_and_gradients_through_the_state(net, x):
    whole, _ = net(x)
    first, between = net(x[:, :2])
    second, _ = net(x[:, 2:], between)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    start = net.initial_state(B)
    mark = start.heads.marks.bookmark.clone().requires_grad_()
    heads = start.heads._replace(marks=start.heads.marks._replace(bookmark=mark))
    net(x, start._replace(heads=heads))[0].square().sum().backward()
    assert (mark.grad != 0).any()


def test_more_slots_and_the_size_of_the_state(net, x):
    assert net.state_size_after(5) == 2 * C + N * M + 2 * HEADS * N + HEADS + N + 2 * M
    large = net.initial_state(B, 11)
    assert large.heads.marks.bookmark.shape == (B, HEADS, 11)
    assert state_size(large) - net.state_size_after(5) == (11 - N) * (M + 2 * HEADS + 1)
    y, after = net(x, large)
    assert y.shape == (B, T, O)
    assert after.heads.usage.shape == (B, 11)


@pytest.mark.usefixtures("unchecked_types")
def test_an_error_names_the_part_of_the_state_that_does_not_fit(net, x):
    start = net.initial_state(B)
    short = start.heads._replace(marks=start.heads.marks._replace(age=torch.zeros(B, 2, dtype=torch.float64)))
    with pytest.raises(ValueError, match=r"^state\.heads\.marks\.age is \[2, 2\]: must be \[2, 3\]$"):
        net(x, start._replace(heads=short))
    with pytest.raises(ValueError, match=r"^state\.heads is of type Tensor.*must be of type Places of 3"):
        net.trace(x, start._replace(heads=start.heads.weighting))


def test_the_reference_engine_runs_it(net):
    assert net.engine == "reference"
    assert choose.engine_for(net.cell, net.engine_choice) is choose.REFERENCE
