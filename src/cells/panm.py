"""Pointer-Augmented Neural Memory, step by step: pointers that move by themselves over a list of encoded inputs.

Le, Nguyen, Do, Venkatesh and Tran, arXiv:2404.11870.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from ..common import checks
from ..memory import pointers as equations
from ..memory.access import read
from . import boundary, panm_sequence
from .base import Cell, full_precision, state_size
from .gru import GRU
from .panm_sequence import PANMState
from .trace import Trace

#: Most bits of an address: the bank of all addresses is stored.
MOST_BITS = 16
#: Numbers by which a pointer is anchored, as a trace names them.
ANCHORS = ("stay", "to_first", "to_last")


class PANM(Cell):
    """A recurrent encoder whose outputs are listed at consecutive addresses, pointers into the list, a controller.

    One step, with a(0), a(1) .. the codes of consecutive addresses, see `pointers.address_bank`::

        v(n) = GRU(x, v(n - 1))                            the encoder; v(n) is stored at address a(n)
        s, b, e = softmax(W v(n))                          anchor of a pointer
        u = GRU(s p + b a(0) + e a(n), s u_before)         the unit of a pointer
        w = softmax_i(q(u) . a(i)),  p = sum_i w_i a(i)    the pointer moves, by addresses alone
        r = sum_i w_i v(i)                                 Mode 1: it is dereferenced
        w = softmax_i(q(r_1 .. r_P) . v(i) / sqrt(E))      Mode 2: a content pointer is placed by content
        h = GRU([x, r_1 .. r_H])                           the controller

    with q linear and the sizes E of a value and H of all pointers. The output is [h, r_1 .. r_H].

    The published model reads the whole input with a bidirectional encoder, and only then moves its pointers, which
    begin at the first or the last address, to write an answer. This one is not told where the input ends: pointers
    move at every step, and gates that see the encoder return them to the first or to the last address of the
    moment, and their units to the state 0, as at the published beginning. The encoder goes one way, blank inputs
    of the answer are listed too, and the controller sees the input and all reads of the step, where the published
    decoder sees its previous output, the reads of Mode 1, and the encoded input by an attention of its own. The
    linear maps of the published attention are part of q and of what follows; bits are -1 and 1, and not 0 and 1;
    there is no dropout.

    What the paper credits with extrapolation is kept: a pointer's unit sees no content, only its pointer; it
    attends over addresses; reads are by dereference. In training the list begins at a random address and wraps
    round, so that all bits are seen.

    Args:
        input_size: features of an input, F.
        address_bits: bits of an address; a sequence has at most 2^bits steps.
        pointers: of Mode 1, P, at least one.
        content_pointers: of Mode 2.
        pointer_size: units of the GRU of each pointer, U.
        encoder_size: units of the encoder, and size of a value, E.
        controller_size: units of the controller, C.
        anchor_bias: initial logit of a return of a pointer to the first and to the last address; that of staying
            is 0.
        random_base: whether sequences begin at random addresses in training; see `at_progress`. Else, and
            always in evaluation, at address 0.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """

    bank: Tensor

    def __init__(
        self,
        input_size: int,
        address_bits: int = 12,
        pointers: int = 2,
        content_pointers: int = 1,
        pointer_size: int = 64,
        encoder_size: int = 64,
        controller_size: int = 100,
        anchor_bias: float = -2.0,
        random_base: bool = True,
    ) -> None:
        super().__init__()
        self.input_size = checks.integer("input_size", input_size)
        self.address_bits = checks.integer("address_bits", address_bits, most=MOST_BITS)
        self.pointers = checks.integer("pointers", pointers)
        self.content_pointers = checks.integer("content_pointers", content_pointers, least=0)
        self.pointer_size = checks.integer("pointer_size", pointer_size)
        self.encoder_size = checks.integer("encoder_size", encoder_size)
        checks.integer("controller_size", controller_size)
        self.anchor_bias = checks.number("anchor_bias", anchor_bias)
        self.random_base = checks.flag("random_base", random_base)
        self.read_heads = pointers + content_pointers
        self.output_size = controller_size + self.read_heads * encoder_size
        self.seed: int | None = None

        self.encoder = GRU(input_size, encoder_size)
        self.controller = GRU(input_size + self.read_heads * encoder_size, controller_size)
        self.anchor = nn.Linear(encoder_size, pointers * len(ANCHORS))
        self.weight_pointer = nn.Parameter(torch.empty(pointers, address_bits, 3 * pointer_size))
        self.weight_unit = nn.Parameter(torch.empty(pointers, pointer_size, 3 * pointer_size))
        self.bias_pointer = nn.Parameter(torch.empty(pointers, 1, 3 * pointer_size))
        self.bias_unit = nn.Parameter(torch.empty(pointers, 1, 3 * pointer_size))
        self.weight_query = nn.Parameter(torch.empty(pointers, pointer_size, address_bits))
        self.content_query = None
        if content_pointers:
            self.content_query = nn.Linear(pointers * encoder_size, content_pointers * encoder_size)
        bound = 1 / math.sqrt(pointer_size)
        with torch.no_grad():
            for weight in self.parameters(recurse=False):
                weight.uniform_(-bound, bound)
            self.anchor.bias.view(pointers, -1)[:] = torch.tensor([0.0, anchor_bias, anchor_bias])
        self.register_buffer("bank", equations.address_bank(address_bits), persistent=False)

    @property
    def head_names(self) -> list[str]:
        """Names of the pointers, in the order of the head dimension of weightings."""
        counts = {"pointer": self.pointers, "content pointer": self.content_pointers}
        return [f"{name} {i + 1}" for name, count in counts.items() for i in range(count)]

    @property
    def longest_sequence(self) -> int:
        """As many steps as there are addresses."""
        return len(self.bank)

    def at_progress(self, done: float) -> None:
        """Choose the first addresses of the next update: the same in every run of as many updates."""
        self.seed = int(done * 2**32)  # torch's CPU generator uses only the low 32 bits of a seed

    def _first_addresses(self, batch_size: int) -> Float[Tensor, "B bits"]:
        if self.seed is None or not self.training or not self.random_base:
            return self.bank[:1].expand(batch_size, -1)
        chosen = torch.randint(len(self.bank), (batch_size,), generator=torch.Generator().manual_seed(self.seed))
        return self.bank[chosen.to(self.bank.device)]

    def initial_state(self, batch_size: int, memory_slots: int | None = None) -> PANMState:
        """The state with an empty list; `memory_slots` has no effect, since the list grows by one a step."""
        zeros, first = self.weight_query.new_zeros, self._first_addresses(batch_size)
        return PANMState(
            encoder=self.encoder.initial_state(batch_size),
            controller=self.controller.initial_state(batch_size),
            pointers=first.unsqueeze(1).expand(-1, self.pointers, -1),
            units=zeros(batch_size, self.pointers, self.pointer_size),
            first=first,
            values=zeros(batch_size, 0, self.encoder_size),
        )

    def _state_shapes(self, state: PANMState) -> boundary.Shapes:
        shapes: Any = super()._state_shapes(state)
        return shapes._replace(values=torch.Size([boundary.rows(state, "values", 0), self.encoder_size]))

    def state_size_after(self, steps: int) -> int:
        """Size of the state of one sequence after some steps, in numbers."""
        return state_size(self.initial_state(1)) + steps * self.encoder_size

    def check(self, x: Tensor, state: PANMState | None) -> Tensor:
        """As `Cell.check`.

        Raises:
            checks.Refusal: a sequence of more steps than there are addresses.
        """
        x = super().check(x, state)
        self._check_steps(x.shape[1] + (0 if state is None else state.values.shape[1]))
        return x

    def _check_steps(self, steps: int) -> None:
        if steps > len(self.bank):
            allowed = f"at least {(steps - 1).bit_length()} for a sequence of {steps} steps"
            raise checks.refuse("address_bits", self.address_bits, allowed)

    @property
    def has_sequence(self) -> bool:
        """Whether each part may be called once for all steps: not with hooks, replaced parts or torch.func."""
        as_built = type(self.anchor) is nn.Linear and type(self.encoder) is type(self.controller) is GRU
        return as_built and boundary.altered(self) is None and not boundary.transformed()

    def sequence(
        self, x: Float[Tensor, "B T F"], state: PANMState | None
    ) -> tuple[Float[Tensor, "B T O"], PANMState]:
        """All steps in one call, with a loop over the pointers alone; equals calling `step` T times."""
        x = self.check(x, state)
        return panm_sequence.sequence(self, x, self.initial_state(len(x)) if state is None else state)

    def step(self, x: Float[Tensor, "B F"], state: PANMState) -> tuple[Float[Tensor, "B O"], PANMState]:
        output, state, _, _, _ = self._advance(x, state)
        return output, state

    def trace(self, x: Float[Tensor, "B F"], state: PANMState) -> tuple[Float[Tensor, "B O"], PANMState, Trace]:
        """One time step and its trace; the weightings are over the items, the one just listed being the last."""
        output, state, anchor, w, reads = self._advance(x, state)
        numbers = {
            name: pad(part, (0, self.content_pointers), value=math.nan)
            for name, part in zip(ANCHORS, anchor.unbind(2), strict=True)
        }
        return output, state, Trace(weighting=w, numbers=numbers, memory=state.values, read=reads, ring=False)

    def _advance(
        self, x: Float[Tensor, "B F"], state: PANMState
    ) -> tuple[
        Float[Tensor, "B O"], PANMState, Float[Tensor, "B P 3"], Float[Tensor, "B H n"], Float[Tensor, "B H E"]
    ]:
        """One time step, and the anchors of the pointers, the weightings and the reads."""
        self._check_steps(state.values.shape[1] + 1)
        encoded, encoder = self.encoder(x, state.encoder)
        anchor = self.anchor(encoded)
        # Pointers and values keep the dtype of the state where autocast computes the layers in half precision.
        with full_precision(x):
            values = torch.cat([state.values, encoded.to(state.values.dtype).unsqueeze(1)], 1)
            addresses = equations.consecutive(self.bank, state.first, values.shape[1])
            anchor = anchor.to(values.dtype).view(len(x), self.pointers, -1).softmax(2)
            start = equations.anchored(state.pointers, addresses, anchor)
            w, moved, units = panm_sequence.move(self, start, anchor[..., :1] * state.units, addresses)
            reads = read(values, w)
            if self.content_query is not None:
                query = self.content_query(reads.flatten(1)).view(len(x), self.content_pointers, -1)
                by_content = equations.attend(query / math.sqrt(self.encoder_size), values)
                w, reads = torch.cat([w, by_content], 1), torch.cat([reads, read(values, by_content)], 1)
            seen = reads.flatten(1)
        h, controller = self.controller(torch.cat([x, seen], 1), state.controller)
        output = torch.cat([h.to(seen.dtype), seen], 1)
        return output, PANMState(encoder, controller, moved, units, state.first, values), anchor, w, reads
