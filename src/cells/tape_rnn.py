"""The Tape-RNN: a controller that moves along a tape, also by the length of the input, which an oracle tells it.

Deletang et al., arXiv:2207.02098, section 4 and appendix A.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from ..memory.tape import MOVES, advances, in_place, move, place
from . import boundary
from .base import Cell, State, full_precision
from .controllers import check_numbers, make_controller
from .machine_state import one_hot_at_zero
from .trace import Trace


class TapeState(NamedTuple):
    """State of a Tape-RNN."""

    controller: State
    tape: Float[Tensor, "B N M_1"]  # words from the cell under the head on, and a mark of where the head began
    length: Float[Tensor, "B"]  # of the input, as the oracle tells it; 0 without it


class TapeRNN(Cell):
    """A controller with a tape, a ring of N cells.

    At every step the controller reads the cell under the head and writes a new word to it. Then the tape becomes
    the mean of the tapes that the moves would give, weighted by their probabilities; see `src.memory.tape.move`.

    The moves are: stay, one cell forward, one back and, with the oracle, as many cells forward or back as there
    are steps before the answer. The cell is given that number and does not have to learn it: with the oracle it is
    a bound to compare with, and no rival on equal terms.

    The output is that of the controller, which is one of those of the machines; that of the paper is a plain
    recurrent network.

    Args:
        input_size: features of an input, F.
        memory_slots: cells of the tape, N.
        word_size: numbers of a cell, M.
        oracle: whether there are the two moves by the length of the input.
        mlp_sizes: units of the hidden layers between the controller and the word that is written.
        controller: lstm, gru, feedforward or counter_lstm.
        controller_size: outputs of the controller, C.
        counters, number_input, counter_feedback, counter_candidate, numbers: of counter_lstm, see `CounterLSTM`.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    def __init__(
        self,
        input_size: int,
        memory_slots: int = 64,
        word_size: int = 20,
        oracle: bool = True,
        mlp_sizes: Sequence[int] = (64, 64),
        controller: str = "lstm",
        controller_size: int = 100,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        numbers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.memory_slots = checks.integer("memory_slots", memory_slots)
        self.word_size = checks.integer("word_size", word_size)
        self.oracle = checks.flag("oracle", oracle)
        check_numbers(numbers, input_size)
        self.mlp_sizes = checks.integers("mlp_sizes", mlp_sizes)
        counting = counters, number_input, counter_feedback, counter_candidate, numbers
        self.controller = make_controller(controller, input_size + word_size, controller_size, *counting)
        self.output_size = controller_size
        layers: list[nn.Module] = []
        for before, after in pairwise([controller_size, *self.mlp_sizes]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.word = nn.Sequential(*layers, nn.Linear(self.mlp_sizes[-1], word_size))
        self.action = nn.Linear(controller_size, len(MOVES) if self.oracle else len(MOVES) - 2)

    @property
    def needs_input_length(self) -> bool:
        return self.oracle

    @property
    def head_names(self) -> list[str]:
        return ["tape head"]

    @property
    def any_weight(self) -> Tensor:
        return self.action.weight

    def initial_state(
        self, batch_size: int, memory_slots: int | None = None, input_length: Tensor | None = None
    ) -> TapeState:
        """An empty tape, with the head at cell 0.

        Args:
            batch_size: B.
            memory_slots: another number of cells; None for the cell's own.
            input_length: what the oracle tells, [B]; without it, its moves leave the head where it is.
        """
        slots = self.memory_slots if memory_slots is None else checks.integer("memory_slots", memory_slots)
        weight = self.any_weight
        words = weight.new_zeros(batch_size, slots, self.word_size)
        return TapeState(
            controller=self.controller.initial_state(batch_size),
            tape=torch.cat([words, one_hot_at_zero(weight, batch_size, 1, slots).transpose(1, 2)], 2),
            length=weight.new_zeros(batch_size) if input_length is None else input_length.to(weight),
        )

    def _state_shapes(self, state: TapeState) -> boundary.Shapes:
        return boundary.shapes(self.initial_state(1, max(1, boundary.rows(state, "tape", self.memory_slots))))

    def step(self, x: Float[Tensor, "B F"], state: TapeState) -> tuple[Float[Tensor, "B C"], TapeState]:
        output, state, _, _ = self._written_and_moved(x, state)
        return output, state

    def trace(self, x: Float[Tensor, "B F"], state: TapeState) -> tuple[Float[Tensor, "B C"], TapeState, Trace]:
        """One time step and its trace: the weighting is where the head reads and writes, before it moves.

        The memory is the tape after the word is written, from the cell where the head began.
        """
        output, after, tape, p = self._written_and_moved(x, state)
        words, w = tape[..., :-1], place(tape[..., -1])
        seen = Trace(
            weighting=w.unsqueeze(1),
            numbers=dict(zip(MOVES, p.unsqueeze(1).unbind(2), strict=False)),
            add=words[:, :1],
            memory=in_place(words, w),
            read=state.tape[:, :1, :-1],
        )
        return output, after, seen

    def _written_and_moved(
        self, x: Float[Tensor, "B F"], state: TapeState
    ) -> tuple[Float[Tensor, "B C"], TapeState, Float[Tensor, "B N M_1"], Float[Tensor, "B A"]]:
        """Output, state after the step, the written tape before the move, and the probabilities of the moves."""
        h, controller = self.controller(torch.cat([x, state.tape[:, 0, :-1]], 1), state.controller)
        word, action = self.word(h), self.action(h)
        # The tape keeps the dtype of the state where autocast computes the layers in half precision.
        with full_precision(x):
            h, word, action = (part.to(state.tape.dtype) for part in (h, word, action))
            p = action.softmax(1)
            written = torch.cat([word, state.tape[:, 0, -1:]], 1).unsqueeze(1)
            tape = torch.cat([written, state.tape[:, 1:]], 1)
            moved = move(tape, p, advances(state.length, p.shape[1]))
        return h, TapeState(controller, moved, state.length), tape, p
