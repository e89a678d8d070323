"""The Differentiable Neural Computer: allocated memory, and links in the order of writing.

Graves et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538, 2016.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..common import checks
from ..memory import addressing, allocation, links
from ..memory.access import erase_and_add, read
from ..memory.masked_content import masked_content
from . import boundary
from .base import ENGINE_CHOICES, Cell, State, full_precision
from .controllers import check_numbers, make_controller
from .dnc_interface import Interface, InterfaceLayout
from .layout import clip_bound, clipped
from .machine_state import set_initial_memory, with_slots
from .trace import Trace


class DNCState(NamedTuple):
    """State of a DNC; at first everything but the memory is zero."""

    controller: State
    memory: Float[Tensor, "B N M"]
    usage: Float[Tensor, "B N"]  # u, from 0 to 1
    precedence: Float[Tensor, "B N"]  # p, sums to at most 1
    links: Float[Tensor, "B N N"]  # L(i, j): slot i was written right after slot j
    w_write: Float[Tensor, "B N"]  # sums to at most 1
    w_read: Float[Tensor, "B R N"]  # each sums to at most 1
    reads: Float[Tensor, "B R M"]


class DNC(Cell):
    """Controller, read heads, one write head, and a memory that knows which slots are free and in what order the
    others were written.

    One step, after the paper's Methods: the controller receives the input and the previous reads; the write head
    writes to slots found by content, or to the least used; the read heads read the new memory, by content or along
    the links from the slots that they read before. The output is the concatenation of the controller's output and
    the reads, [h, r_1 .. r_R].

    `mask_keys`, `erase_freed` and `sharpen_links` are the corrections of Csordas and Schmidhuber,
    arXiv:1904.10278.

    Args:
        input_size: features of an input, F.
        memory_slots: N.
        word_size: M.
        read_heads: R.
        controller: lstm, gru, feedforward or counter_lstm; one layer.
        controller_size: outputs of the controller, C.
        counters, number_input, counter_feedback, counter_candidate: of counter_lstm, see `CounterLSTM`.
        memory_init: constant (1e-6 everywhere), learned (a parameter) or random (drawn once, then fixed).
            A memory with more slots than `memory_slots` repeats these rows.
        output_clip: bound on the absolute value of the raw numbers of the interface; None for no bound.
        mask_keys: content is compared by the elements of a word that a head chooses, see `masked_content`.
        erase_freed: the words of freed slots are erased, not only free to be overwritten.
        sharpen_links: forward and backward weightings are sharpened by a power of at least 1.
        engine: as of a `Machine`.
        numbers: indices of the inputs that are numbers; a task names them.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    initial_memory: Tensor
    pictures: ClassVar[tuple[str, ...]] = ("usage_and_links",)
    write_heads = 1

    def __init__(
        self,
        input_size: int,
        memory_slots: int = 64,
        word_size: int = 20,
        read_heads: int = 1,
        controller: str = "lstm",
        controller_size: int = 100,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        memory_init: str = "constant",
        output_clip: float | None = 20.0,
        mask_keys: bool = False,
        erase_freed: bool = False,
        sharpen_links: bool = False,
        engine: str = "auto",
        numbers: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.memory_slots = checks.integer("memory_slots", memory_slots)
        self.word_size = checks.integer("word_size", word_size)
        self.read_heads = checks.integer("read_heads", read_heads)
        self.output_clip = clip_bound(output_clip)
        self.mask_keys = checks.flag("mask_keys", mask_keys)
        self.erase_freed = checks.flag("erase_freed", erase_freed)
        self.sharpen_links = checks.flag("sharpen_links", sharpen_links)
        self.engine = checks.choice("engine", engine, ENGINE_CHOICES)
        check_numbers(numbers, input_size)
        counting = counters, number_input, counter_feedback, counter_candidate, numbers
        self.controller = make_controller(
            controller, input_size + read_heads * word_size, controller_size, *counting
        )
        self.output_size = controller_size + read_heads * word_size
        self.layout = InterfaceLayout(read_heads, word_size, mask_keys, sharpen_links)
        self.interface = nn.Linear(controller_size, self.layout.size)
        set_initial_memory(self, memory_init, memory_slots, word_size)

    @property
    def any_weight(self) -> Tensor:
        return self.initial_memory

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> DNCState:
        """As `Cell.initial_state`; the memory is a view of `initial_memory` and must not be changed in place."""
        slots = self.memory_slots if memory_slots is None else checks.integer("memory_slots", memory_slots)
        memory = with_slots(self.initial_memory, slots)
        by_slot = memory.new_zeros(batch_size, slots)
        return DNCState(
            controller=self.controller.initial_state(batch_size),
            memory=memory.expand(batch_size, -1, -1),
            usage=by_slot,
            precedence=by_slot,
            links=memory.new_zeros(batch_size, slots, slots),
            w_write=by_slot,
            w_read=memory.new_zeros(batch_size, self.read_heads, slots),
            reads=memory.new_zeros(batch_size, self.read_heads, self.word_size),
        )

    def _state_shapes(self, state: DNCState) -> boundary.Shapes:
        return boundary.shapes(self.initial_state(1, max(1, boundary.rows(state, "memory", self.memory_slots))))

    def step(self, x: Float[Tensor, "B F"], state: DNCState) -> tuple[Float[Tensor, "B O"], DNCState]:
        output, state, _ = self._advance(x, state)
        return output, state

    def _advance(
        self, x: Float[Tensor, "B F"], state: DNCState
    ) -> tuple[Float[Tensor, "B O"], DNCState, Interface]:
        """One time step, and the numbers of the interface."""
        h, raw, controller = self.control(x, state)
        with full_precision(x):
            interface = self.layout.read(raw)
            after = self.access(interface, state)._replace(controller=controller)
            return torch.cat([h, after.reads.flatten(1)], 1), after, interface

    def control(
        self, x: Float[Tensor, "B F"], state: DNCState
    ) -> tuple[Float[Tensor, "B C"], Float[Tensor, "B P"], State]:
        """The controller: its output, the raw numbers of the interface, clipped, and its new state."""
        h, controller = self.controller(torch.cat([x, state.reads.flatten(1)], 1), state.controller)
        raw = self.interface(h)
        # The memory keeps the dtype of the state where autocast computes the layers in half precision.
        with full_precision(x):
            h, raw = h.to(state.memory.dtype), raw.to(state.memory.dtype)
            raw = clipped(raw, self.output_clip)
        return h, raw, controller

    def access(self, interface: Interface, before: DNCState) -> DNCState:
        """Write and read: the state after it, with the controller's state of before."""
        psi = allocation.retention(interface.free, before.w_read)
        usage = allocation.usage(before.usage, before.w_write, psi)
        by_content = self.content(before.memory, interface, slice(self.read_heads, None)).squeeze(1)
        w_write = allocation.write_weighting(
            by_content, allocation.allocation(usage), interface.allocation, interface.write
        )
        memory = before.memory * psi.unsqueeze(2) if self.erase_freed else before.memory
        memory = erase_and_add(
            memory, w_write.unsqueeze(1), interface.erase.unsqueeze(1), interface.add.unsqueeze(1)
        )

        linked = links.links(before.links, w_write, before.precedence)
        precedence = links.precedence(before.precedence, w_write)
        b, f = links.backward(linked, before.w_read), links.forward(linked, before.w_read)
        if interface.sharpness is not None:
            b = addressing.sharpen(b, interface.sharpness[:, :, 0])
            f = addressing.sharpen(f, interface.sharpness[:, :, 1])
        by_content = self.content(memory, interface, slice(self.read_heads))
        w_read = links.read_weighting(b, by_content, f, interface.modes)
        return DNCState(
            before.controller, memory, usage, precedence, linked, w_write, w_read, read(memory, w_read)
        )

    def content(
        self, memory: Float[Tensor, "B N M"], interface: Interface, heads: slice
    ) -> Float[Tensor, "B h N"]:
        """Content weightings of some heads."""
        key, beta = interface.key[:, heads], interface.beta[:, heads]
        if interface.mask is None:
            return addressing.content(memory, key, beta)
        return masked_content(memory, key, beta, interface.mask[:, heads])

    def trace(self, x: Float[Tensor, "B F"], state: DNCState) -> tuple[Float[Tensor, "B O"], DNCState, Trace]:
        """One time step and its trace; a gate or mode that a head lacks is NaN."""
        output, after, seen = self._advance(x, state)
        of_reads = [seen.free, *seen.modes.unbind(2)]
        none = output.new_full((len(x), 1), torch.nan)
        free, backward, content, forward = (torch.cat([one, none], 1) for one in of_reads)
        none = none.expand(-1, self.read_heads)
        gates = {"allocation": seen.allocation, "write": seen.write}
        numbers = {
            "free": free,
            **{name: torch.cat([none, gate], 1) for name, gate in gates.items()},
            "backward": backward,
            "content": content,
            "forward": forward,
        }
        shown = Trace(
            weighting=torch.cat([after.w_read, after.w_write.unsqueeze(1)], 1),
            numbers=numbers,
            erase=seen.erase.unsqueeze(1),
            add=seen.add.unsqueeze(1),
            memory=after.memory,
            read=after.reads,
            others={"usage": after.usage, "links": after.links},
        )
        return output, after, shown
