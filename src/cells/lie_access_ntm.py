"""The Lie-access Neural Turing Machine: heads at points of a line or a plane, and a memory that grows.

Yang and Rush, arXiv:1611.02854.
"""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from ..common import checks
from ..memory import lie_access
from ..memory.access import read
from . import boundary
from .base import Cell, State, full_precision, state_size
from .by_head import ByHead, Heads
from .controllers import check_numbers, make_controller
from .layout import LARGEST, Field, Layout, clip_bound, clipped, identity
from .trace import Trace

KERNELS = ("inverse_square", "gaussian")
#: As in the authors' code.
GATE_BIAS = MappingProxyType({"read": 0.0, "write": -10.0})
#: Names of the coordinates of a head in a trace.
COORDINATES = ("x", "y")


class LieAccessState(NamedTuple):
    """State of a Lie-access NTM after n steps."""

    controller: State
    addresses: Float[Tensor, "B H d"]
    keys: Float[Tensor, "B n d"]
    values: Float[Tensor, "B n M"]
    strengths: Float[Tensor, "B n"]
    reads: Float[Tensor, "B R M"]


class LieAccessNTM(Cell):
    """A machine whose heads move over a line or a plane, and whose write head appends one item at every step.

    The controller receives the input and the previous reads. With p a proposed address, a an action and g a gate,
    every head moves from q to ``g p + (1 - g) q + a``. Each read head reads ``sum_i w_i v_i`` over the items of
    the previous steps, w_i proportional to s_i times a kernel of the distance of the head to the key k_i. Then the
    write head appends an item: its address as the key, tanh of the controller's numbers as the value, a sigmoid as
    the strength. The output is [h, r_1 .. r_R].

    As in the authors' code: the read is before the write; read gates begin at one half, the write gate at almost
    0, so that the write head moves by shifts alone; actions are shorter than 1. Differences: the memory begins
    empty and all heads at the origin (there: with one learned item of almost no strength, at learned addresses);
    reads are part of the output as they are, without a gate of their own; the memory also grows while the answer
    is written, since the machine is not told when that begins; shifts begin along the first coordinate.

    Read heads come before the write head. An option that is said to be *by head* is one value for all heads, or
    ``{read: .., write: ..}`` with one value for a kind, or a list with a value for each head of it.

    Args:
        input_size: features of an input, F.
        word_size: M.
        controller: lstm, gru, feedforward or counter_lstm.
        controller_size: outputs of the controller, C.
        counters, number_input, counter_feedback, counter_candidate: of counter_lstm, see `CounterLSTM`.
        read_heads: R, at least one.
        dimensions: of the space of addresses, d: 1 (a line) or 2 (a plane).
        kernel: inverse_square, see `lie_access.inverse_square`, or gaussian, with a temperature that the
            controller gives at every step.
        bound_action: whether a shift is shorter than 1, see `lie_access.bounded`.
        gate_bias: initial logit of the gate g; lower values favour the previous address; by head.
        action_init: initial shift along the first coordinate, before it is bounded; by head.
        output_clip: bound on the absolute value of the raw numbers of the heads; None for no bound.
        numbers: indices of the inputs that are numbers, such as a repeat count; a task names them.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    pictures: ClassVar[tuple[str, ...]] = ("addresses",)
    write_heads = 1

    def __init__(
        self,
        input_size: int,
        word_size: int = 20,
        controller: str = "lstm",
        controller_size: int = 100,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        read_heads: int = 1,
        dimensions: int = 2,
        kernel: str = "inverse_square",
        bound_action: bool = True,
        gate_bias: Any = GATE_BIAS,
        action_init: Any = 1.0,
        output_clip: float | None = 20.0,
        numbers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.word_size = checks.integer("word_size", word_size)
        check_numbers(numbers, input_size)
        heads = Heads(read_heads, self.write_heads)
        self.read_heads = read_heads
        self.dimensions = checks.integer("dimensions", dimensions, most=len(COORDINATES))
        self.kernel = checks.choice("kernel", kernel, KERNELS)
        self.bound_action = checks.flag("bound_action", bound_action)
        self.gate_bias = heads.option("gate_bias", gate_bias, checks.number)
        self.action_init = heads.option("action_init", action_init, checks.number, least=-LARGEST, most=LARGEST)
        self.output_clip = clip_bound(output_clip)
        counting = counters, number_input, counter_feedback, counter_candidate, numbers
        self.controller = make_controller(
            controller, input_size + read_heads * word_size, controller_size, *counting
        )
        self.output_size = controller_size + read_heads * word_size
        self.num_heads = read_heads + self.write_heads
        rest = (0.0,) * (dimensions - 1)
        self.layout = Layout(
            Field("proposed", dimensions),
            Field(
                "action",
                dimensions,
                lie_access.bounded if bound_action else identity,
                ByHead((one, *rest) for one in self.action_init),
            ),
            Field("gate", squash=torch.sigmoid, bias=self.gate_bias, shown=True),
        )
        #: Raw numbers: of all heads, of the value, of its strength, of the temperatures.
        temperatures = read_heads if kernel == "gaussian" else 0
        self.raw_sizes = [self.num_heads * self.layout.size, word_size, 1, temperatures]
        self.heads = nn.Linear(controller_size, sum(self.raw_sizes))
        with torch.no_grad():
            biases = [self.layout.biases(head) for head in range(self.num_heads)]
            self.heads.bias[: self.raw_sizes[0]] = torch.cat(biases)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> LieAccessState:
        """The state with an empty memory; `memory_slots` has no effect, since the memory grows by one a step."""
        zeros = self.heads.weight.new_zeros
        return LieAccessState(
            controller=self.controller.initial_state(batch_size),
            addresses=zeros(batch_size, self.num_heads, self.dimensions),
            keys=zeros(batch_size, 0, self.dimensions),
            values=zeros(batch_size, 0, self.word_size),
            strengths=zeros(batch_size, 0),
            reads=zeros(batch_size, self.read_heads, self.word_size),
        )

    def _state_shapes(self, state: LieAccessState) -> boundary.Shapes:
        shapes: Any = super()._state_shapes(state)
        items = boundary.rows(state, "keys", 0)
        grown = {name: torch.Size([items, *getattr(shapes, name)[1:]]) for name in ("keys", "values", "strengths")}
        return shapes._replace(**grown)

    def state_size_after(self, steps: int) -> int:
        """Size of the state of one sequence after some steps, in numbers."""
        return state_size(self.initial_state(1)) + steps * (self.dimensions + self.word_size + 1)

    def step(self, x: Float[Tensor, "B F"], state: LieAccessState) -> tuple[Float[Tensor, "B O"], LieAccessState]:
        output, state, _, _ = self._advance(x, state)
        return output, state

    def trace(
        self, x: Float[Tensor, "B F"], state: LieAccessState
    ) -> tuple[Float[Tensor, "B O"], LieAccessState, Trace]:
        """One time step and its trace; the weightings are over the items, the one just written being the last."""
        output, state, w, numbers = self._advance(x, state)
        on_last = torch.zeros_like(state.strengths).unsqueeze(1)
        on_last[..., -1] = 1.0
        unknown = w.new_full((len(x), self.read_heads), torch.nan)
        numbers["strength"] = torch.cat([unknown, state.strengths[:, -1:]], 1)
        numbers |= dict(zip(COORDINATES, state.addresses.unbind(2), strict=False))
        seen = Trace(
            weighting=torch.cat([pad(w, (0, 1)), on_last], 1),
            numbers=numbers,
            add=state.values[:, -1:],
            memory=state.values,
            read=state.reads,
            ring=False,
        )
        return output, state, seen

    def _advance(
        self, x: Float[Tensor, "B F"], state: LieAccessState
    ) -> tuple[Float[Tensor, "B O"], LieAccessState, Float[Tensor, "B R n"], dict[str, Tensor]]:
        """One time step, the weightings of the read heads over the items before it, and shown numbers."""
        h, controller = self.controller(torch.cat([x, state.reads.flatten(1)], 1), state.controller)
        raw = self.heads(h)
        # Addresses and memory keep the dtype of the state where autocast computes the layers in half precision.
        with full_precision(x):
            h, raw = h.to(state.reads.dtype), raw.to(state.reads.dtype)
            raw = clipped(raw, self.output_clip)
            raw, value, strength, temperature = raw.split(self.raw_sizes, 1)
            numbers = self.layout.read(raw.view(len(x), self.num_heads, -1))
            addresses = lie_access.move(state.addresses, numbers.proposed, numbers.gate, numbers.action)

            distance = lie_access.squared_distance(addresses[:, : self.read_heads], state.keys)
            if self.kernel == "gaussian":
                w = lie_access.gaussian(distance, state.strengths, softplus(temperature))
            else:
                w = lie_access.inverse_square(distance, state.strengths)
            reads = read(state.values, w)
            after = LieAccessState(
                controller=controller,
                addresses=addresses,
                keys=torch.cat([state.keys, addresses[:, self.read_heads :]], 1),
                values=torch.cat([state.values, value.tanh().unsqueeze(1)], 1),
                strengths=torch.cat([state.strengths, strength.sigmoid()], 1),
                reads=reads,
            )
            return torch.cat([h, reads.flatten(1)], 1), after, w, self.layout.shown(numbers)
