"""The Neural Turing Machine: heads that find their place by content and by discrete shifts.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 3.3.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from src.cells.machine import Machine, one_hot_at_zero
from src.common import checks
from src.memory import addressing


class NTM(Machine):
    """A machine whose heads shift by the integers -r..r.

    Args:
        shift_range: r, at least 1.
        step_bias: logit of the shift by +1 before anything is learned, where those of the others are 0.

    The other arguments are those of `Machine`.
    """

    sized_by = ("content_addressing", "shift_range")

    def __init__(
        self,
        input_size: int,
        memory_slots: int = 128,
        word_size: int = 20,
        controller: str = "lstm",
        controller_size: int = 100,
        read_heads: int = 1,
        write_heads: int = 1,
        content_addressing: bool = True,
        beta_bias: float = 0.0,
        gate_bias: float = -2.0,
        shift_range: int = 1,
        step_bias: float = 2.0,
        memory_init: str = "constant",
        output_clip: float | None = 20.0,
        engine: str = "auto",
    ) -> None:
        self.shift_range = checks.integer("shift_range", shift_range)
        self.step_bias = checks.number("step_bias", step_bias)
        super().__init__(
            input_size,
            memory_slots,
            word_size,
            controller,
            controller_size,
            read_heads,
            write_heads,
            content_addressing,
            beta_bias,
            gate_bias,
            memory_init,
            output_clip,
            engine,
        )

    def _head_sizes(self) -> list[int]:
        content = [self.word_size, 1, 1] if self.content_addressing else []
        return [*content, 2 * self.shift_range + 1, 1]

    def _head_biases(self) -> Float[Tensor, "P"]:
        *content, shift, gamma = torch.zeros(sum(self.head_sizes)).split(self.head_sizes)
        shift[self.shift_range + 1] = self.step_bias
        return torch.cat([*content, shift, gamma])

    def initial_heads(self, batch_size: int, slots: int) -> Float[Tensor, "B H N"]:
        return one_hot_at_zero(self.initial_memory, batch_size, self.num_heads, slots)

    def address(
        self, raw: Float[Tensor, "B H P"], memory: Float[Tensor, "B N M"], before: Float[Tensor, "B H N"]
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H N"], dict[str, Tensor]]:
        w, seen = before, {}
        *content, shift, gamma = raw.split(self.head_sizes, dim=2)
        if content:
            key, beta, gate = content
            w_content = addressing.content(memory, key, softplus(beta.squeeze(2)))
            seen["gate"] = gate.squeeze(2).sigmoid()
            w = addressing.interpolate(w_content, w, seen["gate"])
        w = addressing.shift(w, shift.softmax(2))
        w = addressing.sharpen(w, 1.0 + softplus(gamma.squeeze(2)))
        return w, w, seen
