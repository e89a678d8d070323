"""LSTM with counter cells, which forget nothing, grow without limit, and alone see the inputs that are numbers."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from ..common import checks
from .base import Cell
from .lstm import LSTMState

#: What the gates, and the cells that do not count, see of the inputs that are numbers.
NUMBER_INPUTS = ("hidden", "clamped", "raw")
#: What a counter adds of its candidate: as it is, or squashed, so that one step counts at most 1.
CANDIDATES = ("linear", "tanh")


class CounterLSTM(Cell):
    """One LSTM layer whose last K cells are counters.

    An LSTM reads a number through a squashing function, and so cannot count beyond the numbers of training. With
    the gates i, f, o and the candidate g of an LSTM, and the numbers n as they are::

        c = f c_before + i tanh(g)              the other cells
        c = c_before + i (g + W n)              the counters, linear
        c = c_before + i (tanh(g) + W n)        the counters, tanh
        h = o tanh(c)                           all cells

    Args:
        input_size: features of an input, F.
        hidden_size: cells, C; also the features of an output.
        counters: K, below `hidden_size`; 0 for an LSTM that is only kept from seeing the numbers.
        number_input: what i, f, g and o see of the numbers: nothing (hidden), the numbers limited to -1..1
            (clamped), or the numbers as they are (raw).
        counter_feedback: whether i, f, g and o see the outputs of the counters. If not, what a counter adds
            depends on how far it has counted at most through the input, such as words read from a memory.
        counter_candidate: linear or tanh. A linear one with `number_input` = raw has no W, as g sees n.
        numbers: indices of the inputs that are numbers, such as a repeat count.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range; counters without numbers,
            unless `number_input` = raw.
    """

    weight_numbers: nn.Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        numbers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.output_size = checks.integer("hidden_size", hidden_size)
        self.counters = checks.integer("counters", counters, least=0)
        if counters >= hidden_size:
            raise checks.refuse("counters", counters, f"below the number of cells, {hidden_size}")
        self.number_input = checks.choice("number_input", number_input, NUMBER_INPUTS)
        self.numbers = [checks.integer("numbers", one, 0, input_size - 1) for one in numbers]
        if counters and not numbers and number_input != "raw":
            raise checks.refuse("number_input", number_input, "raw on a task whose inputs have no number")
        self.others = [i for i in range(input_size) if i not in self.numbers]
        if not self.others and number_input == "hidden":
            raise checks.refuse("number_input", number_input, "clamped or raw where all inputs are numbers")
        blind = not checks.flag("counter_feedback", counter_feedback)
        self.fed_back = hidden_size - counters * blind
        gates, seen = 4 * hidden_size - counters, len(self.others) if number_input == "hidden" else input_size
        self.weight_ih = nn.Parameter(torch.empty(gates, seen))
        self.weight_hh = nn.Parameter(torch.empty(gates, self.fed_back))
        self.bias = nn.Parameter(torch.empty(gates))
        self.linear_candidate = checks.choice("counter_candidate", counter_candidate, CANDIDATES) == "linear"
        self.added = [] if self.linear_candidate and number_input == "raw" else self.numbers
        apart = counters > 0 and len(self.added) > 0
        alone = nn.Parameter(torch.empty(counters, len(numbers))) if apart else None
        self.register_parameter("weight_numbers", alone)
        for weight in self.parameters():
            nn.init.uniform_(weight, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))

    def seen(self, x: Float[Tensor, "B *T F"]) -> Float[Tensor, "B *T seen"]:
        """What the gates and all candidates see of an input."""
        if self.number_input == "hidden":
            return x[..., self.others]
        if self.number_input == "raw":
            return x
        x = x.clone()
        x[..., self.numbers] = x[..., self.numbers].clamp(-1.0, 1.0)
        return x

    def counted(self, x: Float[Tensor, "B *T F"]) -> Float[Tensor, "B *T n"]:
        """What the counters add of an input: the numbers, or nothing where their candidates see them."""
        return x[..., self.added]

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> LSTMState:
        zeros = self.bias.new_zeros(batch_size, self.output_size)
        return LSTMState((zeros,), (zeros,))

    def step(self, x: Float[Tensor, "B F"], state: LSTMState) -> tuple[Float[Tensor, "B C"], LSTMState]:
        (h,), (c,) = state
        size, plain = self.output_size, self.output_size - self.counters
        pre = linear(self.seen(x), self.weight_ih, self.bias) + linear(h[:, : self.fed_back], self.weight_hh)
        i, f, g, o = pre.split([size, plain, size, size], 1)
        count = g[:, plain:] if self.linear_candidate else g[:, plain:].tanh()
        if self.weight_numbers is not None:
            count = count + linear(self.counted(x), self.weight_numbers)
        candidate = torch.cat([g[:, :plain].tanh(), count], 1)
        kept = torch.cat([f.sigmoid() * c[:, :plain], c[:, plain:]], 1)
        # Under autocast a state keeps its dtype.
        c_after = (kept + i.sigmoid() * candidate).to(c.dtype)
        h_after = (o.sigmoid() * c_after.tanh()).to(h.dtype)
        return h_after, LSTMState((h_after,), (c_after,))
