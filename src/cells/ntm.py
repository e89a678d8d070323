"""The Neural Turing Machine: heads with content-based addressing and discrete shifts.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 3.3.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..common import checks
from ..memory import addressing
from .by_head import Heads
from .layout import Field, Layout, at_least_one, softmax, step_logits
from .machine import Machine
from .machine_state import one_hot_at_zero


class NTM(Machine):
    """A machine whose heads shift by integers from -r to r.

    Args:
        shift_range: r, at least 1.
        step_bias: initial logit of the shift by +1. A negative value begins with standing still instead: the
            logit of the shift by 0 is then its absolute value. Those of the other shifts are 0; by head.

    An input skip adds to the logits of the shifts. The other arguments are those of `Machine`.
    """

    size_options = ("content_addressing", "input_skip", "shift_range")

    def __init__(
        self,
        input_size: int,
        memory_slots: int = 128,
        word_size: int = 20,
        controller: str = "lstm",
        controller_size: int = 100,
        counters: int = 1,
        number_input: str = "hidden",
        counter_feedback: bool = False,
        counter_candidate: str = "tanh",
        read_heads: int = 1,
        write_heads: int = 1,
        content_addressing: bool = True,
        beta_bias: Any = 5.0,
        gate_bias: Any = -2.0,
        shift_range: int = 1,
        step_bias: Any = 2.0,
        input_skip: Any = False,
        memory_init: str = "constant",
        output_clip: float | None = 20.0,
        engine: str = "auto",
        numbers: Sequence[int] = (),
    ) -> None:
        self.shift_range = checks.integer("shift_range", shift_range)
        self.step_bias = Heads(read_heads, write_heads).option("step_bias", step_bias, checks.number)
        super().__init__(
            input_size=input_size,
            memory_slots=memory_slots,
            word_size=word_size,
            controller=controller,
            controller_size=controller_size,
            counters=counters,
            number_input=number_input,
            counter_feedback=counter_feedback,
            counter_candidate=counter_candidate,
            read_heads=read_heads,
            write_heads=write_heads,
            content_addressing=content_addressing,
            beta_bias=beta_bias,
            gate_bias=gate_bias,
            input_skip=input_skip,
            memory_init=memory_init,
            output_clip=output_clip,
            engine=engine,
            numbers=numbers,
        )

    @property
    def skip_size(self) -> int:
        return 2 * self.shift_range + 1

    def head_layout(self) -> Layout:
        biases = step_logits(self.step_bias, self.shift_range)
        return Layout(
            *self.content_fields(),
            Field("shift", 2 * self.shift_range + 1, softmax, biases),
            Field("gamma", squash=at_least_one),
        )

    def initial_heads(self, batch_size: int, slots: int) -> Float[Tensor, "B H N"]:
        return one_hot_at_zero(self.initial_memory, batch_size, self.num_heads, slots)

    def address(
        self,
        raw: Float[Tensor, "B H P"],
        memory: Float[Tensor, "B N M"],
        before: Float[Tensor, "B H N"],
        skip: Float[Tensor, "B H S"] | None = None,
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H N"], dict[str, Tensor]]:
        if skip is not None:
            start, end = self.layout.starts["shift"], self.layout.starts["shift"] + self.skip_size
            raw = torch.cat([raw[..., :start], raw[..., start:end] + skip, raw[..., end:]], 2)
        numbers = self.layout.read(raw)
        w = self.with_content(numbers, memory, before)
        w = addressing.sharpen(addressing.shift(w, numbers.shift), numbers.gamma)
        return w, w, self.layout.shown(numbers)
