"""Base class of Neural Turing Machines: a controller, heads and a memory.

The kinds of machine differ only in how their heads address the memory; see `ntm.py` and `dms_ntm.py`.
"""

from abc import abstractmethod
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..common import checks
from ..memory import addressing
from ..memory.access import erase_and_add, read
from . import boundary
from .base import ENGINE_CHOICES, Cell, State, full_precision
from .by_head import Heads
from .controllers import check_numbers, make_controller
from .input_skip import InputSkip
from .layout import LARGEST, Field, Layout, clip_bound, clipped
from .machine_state import MachineState, set_initial_memory, with_slots
from .trace import Trace


class Machine(Cell):
    """Controller, heads and memory; a subclass implements the addressing.

    One step, after arXiv:1410.5401, figure 1 and section 3: the controller receives the input and the previous
    reads; all heads address the memory of the previous step; all write heads write; the read heads read the new
    memory. The output is the concatenation of the controller's output and the reads, [h, r_1 .. r_R].

    Read heads come before write heads. An option that is said to be *by head* is one value for all heads, or
    ``{read: .., write: ..}`` with one value for a kind, or a list with a value for each head of it.

    Args:
        input_size: features of an input, F.
        memory_slots: N.
        word_size: M.
        controller: lstm, gru, feedforward or counter_lstm.
        controller_size: outputs of the controller, C.
        counters, number_input, counter_feedback, counter_candidate: of counter_lstm, see `CounterLSTM`.
        read_heads, write_heads: numbers of heads, at least one each.
        content_addressing: false leaves out keys, key strengths and gates, so that addressing is by location
            alone.
        beta_bias: the initial key strength beta is its softplus; at beta_bias=0 the content weighting, and its
            gradient, is nearly uniform over the slots; by head.
        gate_bias: initial logit of the interpolation gate g; lower values favour the previous weighting; by head.
        input_skip: the displacement of a head also sees the input, see `InputSkip`; not limited by `output_clip`;
            by head.
        input_skip_init: initial weight of the inputs that are numbers in an input skip; by head.
        memory_init: constant (1e-6 everywhere), learned (a parameter) or random (drawn once, then fixed).
            A memory with more slots than `memory_slots` repeats these rows.
        output_clip: bound on the absolute value of the raw numbers of the heads; None for no bound.
        engine: fused (compiled kernels over the whole sequence), reference (this file, step by step) or auto
            (fused where an engine covers the machine). The network that runs the machine reads it; results agree
            up to rounding.
        numbers: indices of the inputs that are numbers, such as a repeat count; a task names them.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    initial_memory: Tensor
    #: Options that the sizes of the weights depend on.
    size_options: ClassVar[tuple[str, ...]] = ("content_addressing", "input_skip")

    def __init__(
        self,
        input_size: int,
        memory_slots: int,
        word_size: int,
        controller: str,
        controller_size: int,
        read_heads: int,
        write_heads: int,
        content_addressing: bool,
        beta_bias: Any,
        gate_bias: Any,
        memory_init: str,
        output_clip: float | None,
        engine: str,
        *,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        input_skip: Any = False,
        input_skip_init: Any = 0.0,
        numbers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.memory_slots = checks.integer("memory_slots", memory_slots)
        self.word_size = checks.integer("word_size", word_size)
        heads = Heads(read_heads, write_heads)
        self.read_heads, self.write_heads = read_heads, write_heads
        self.content_addressing = checks.flag("content_addressing", content_addressing)
        self.beta_bias = heads.option("beta_bias", beta_bias, checks.number)
        self.gate_bias = heads.option("gate_bias", gate_bias, checks.number)
        self.input_skip = heads.option("input_skip", input_skip, checks.flag)
        bounds = {"least": -LARGEST, "most": LARGEST}
        self.input_skip_init = heads.option("input_skip_init", input_skip_init, checks.number, **bounds)
        if any(one and not has for one, has in zip(self.input_skip_init, self.input_skip, strict=True)):
            raise checks.refuse("input_skip_init", input_skip_init, "0 for heads without an input skip")
        if any(self.input_skip_init) and not numbers:
            raise checks.refuse("input_skip_init", input_skip_init, "0 on a task whose inputs have no number")
        self.output_clip = clip_bound(output_clip)
        check_numbers(numbers, input_size)
        self.engine = checks.choice("engine", engine, ENGINE_CHOICES)
        self.initial_options = {name: getattr(self, name) for name in self.size_options}
        self._shapes: dict[tuple[int, nn.Module | None], boundary.Shapes] = {}

        counting = counters, number_input, counter_feedback, counter_candidate, numbers
        self.controller = make_controller(
            controller, input_size + read_heads * word_size, controller_size, *counting
        )
        self.output_size = controller_size + read_heads * word_size
        self.layout = self.head_layout()
        self.num_heads = read_heads + write_heads
        self.heads = nn.Linear(controller_size, self.num_heads * self.layout.size + write_heads * 2 * word_size)
        with torch.no_grad():
            biases = self.heads.bias[: self.num_heads * self.layout.size].view(self.num_heads, -1)
            for head, own in enumerate(biases):
                own.copy_(self.layout.biases(head))
        self.skip = None
        if any(self.input_skip):
            self.skip = InputSkip(input_size, self.skip_size, self.input_skip, self.input_skip_init, numbers)

        set_initial_memory(self, memory_init, memory_slots, word_size)

    @abstractmethod
    def head_layout(self) -> Layout:
        """Layout of the raw numbers of one head."""

    def content_fields(self) -> list[Field]:
        """Fields of content-based addressing, first in every layout: key, strength and gate; none without it."""
        if not self.content_addressing:
            return []
        return [
            Field("key", self.word_size),
            Field("beta", squash=softplus, bias=self.beta_bias),
            Field("gate", squash=torch.sigmoid, bias=self.gate_bias, shown=True),
        ]

    @property
    def skip_size(self) -> int:
        """How many numbers of a head an input skip adds to, S."""
        return 1

    @abstractmethod
    def initial_heads(self, batch_size: int, slots: int) -> State:
        """State of the heads at slot 0."""

    @abstractmethod
    def address(
        self,
        raw: Float[Tensor, "B H P"],
        memory: Float[Tensor, "B N M"],
        before: State,
        skip: Float[Tensor, "B H S"] | None = None,
    ) -> tuple[Float[Tensor, "B H N"], State, dict[str, Tensor]]:
        """Address the memory with every head.

        Args:
            raw: raw numbers of each head.
            memory: the memory of the previous step.
            before: the previous state of the heads.
            skip: what the input adds to the displacement of each head; None without an input skip.

        Returns:
            the weightings; the new state of the heads; the numbers for `Trace.numbers`, by name.
        """

    def with_content(
        self, numbers: SimpleNamespace, memory: Float[Tensor, "B N M"], w: Float[Tensor, "B H N"]
    ) -> Float[Tensor, "B H N"]:
        """Equations (5) to (7): w interpolated with the content weighting, if there is one; otherwise w itself."""
        if not self.content_addressing:
            return w
        return addressing.interpolate(addressing.content(memory, numbers.key, numbers.beta), w, numbers.gate)

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> MachineState:
        """As `Cell.initial_state`; the memory is a view of `initial_memory` and must not be changed in place."""
        slots = self.memory_slots if memory_slots is None else checks.integer("memory_slots", memory_slots)
        memory = with_slots(self.initial_memory, slots)
        return MachineState(
            controller=self.controller.initial_state(batch_size),
            memory=memory.expand(batch_size, -1, -1),
            heads=self.initial_heads(batch_size, slots),
            reads=memory.new_zeros(batch_size, self.read_heads, self.word_size),
        )

    @property
    def any_weight(self) -> Tensor:
        return self.initial_memory  # `heads` may have been replaced by a module without weights

    def _state_shapes(self, state: MachineState) -> boundary.Shapes:
        slots = boundary.rows(state, "memory", self.memory_slots)
        key = slots, self._modules["controller"]  # the controller may be replaced
        if key not in self._shapes:
            self._shapes[key] = boundary.shapes(self.initial_state(1, max(1, slots)))
        return self._shapes[key]

    def changed_options(self) -> str:
        """Options changed after construction that no longer fit the weights, as text; empty if none."""
        now = {name: getattr(self, name) for name in self.size_options}
        if now == self.initial_options:
            return ""
        return ", ".join(f"{name}={value!r}" for name, value in now.items() if value != self.initial_options[name])

    def step(self, x: Float[Tensor, "B F"], state: MachineState) -> tuple[Float[Tensor, "B O"], MachineState]:
        output, state, _ = self.trace(x, state)
        return output, state

    def trace(
        self, x: Float[Tensor, "B F"], state: MachineState
    ) -> tuple[Float[Tensor, "B O"], MachineState, Trace]:
        """One time step and its trace."""
        h, controller = self.controller(torch.cat([x, state.reads.flatten(1)], 1), state.controller)
        raw = self.heads(h)
        # Addressing and memory keep the dtype of the state where autocast computes the layers in half precision.
        with full_precision(x):
            h, raw = h.to(state.memory.dtype), raw.to(state.memory.dtype)
            raw = clipped(raw, self.output_clip)
            raw, raw_write = raw.tensor_split([self.num_heads * self.layout.size], dim=1)

            skip = () if self.skip is None else (self.skip(x).to(state.memory.dtype),)
            raw = raw.view(len(x), self.num_heads, -1)
            w, heads, numbers = self.address(raw, state.memory, state.heads, *skip)
            w_read, w_write = w.split([self.read_heads, self.write_heads], dim=1)

            erase, add = raw_write.view(len(x), self.write_heads, -1).chunk(2, dim=2)
            erase = erase.sigmoid()
            memory = erase_and_add(state.memory, w_write, erase, add)
            reads = read(memory, w_read)
            output = torch.cat([h, reads.flatten(1)], 1)
        seen = Trace(weighting=w, numbers=numbers, erase=erase, add=add, memory=memory, read=reads)
        return output, MachineState(controller, memory, heads, reads), seen
