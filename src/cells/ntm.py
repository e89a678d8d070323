"""The Neural Turing Machine: heads with content-based addressing and discrete shifts.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 3.3.
"""

from jaxtyping import Float
from torch import Tensor

from ..common import checks
from ..memory import addressing
from .layout import Field, Layout, at_least_one, softmax
from .machine import Machine, one_hot_at_zero


class NTM(Machine):
    """A machine whose heads shift by integers from -r to r.

    Args:
        shift_range: r, at least 1.
        step_bias: initial logit of the shift by +1; those of the other shifts are 0.

    The other arguments are those of `Machine`.
    """

    size_options = ("content_addressing", "shift_range")

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

    def head_layout(self) -> Layout:
        shifts, forwards = 2 * self.shift_range + 1, self.shift_range + 1
        biases = tuple(self.step_bias if shift == forwards else 0.0 for shift in range(shifts))
        return Layout(
            *self.content_fields(),
            Field("shift", shifts, softmax, biases),
            Field("gamma", squash=at_least_one),
        )

    def initial_heads(self, batch_size: int, slots: int) -> Float[Tensor, "B H N"]:
        return one_hot_at_zero(self.initial_memory, batch_size, self.num_heads, slots)

    def address(
        self, raw: Float[Tensor, "B H P"], memory: Float[Tensor, "B N M"], before: Float[Tensor, "B H N"]
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H N"], dict[str, Tensor]]:
        numbers = self.layout.read(raw)
        w = self.with_content(numbers, memory, before)
        w = addressing.sharpen(addressing.shift(w, numbers.shift), numbers.gamma)
        return w, w, self.layout.shown(numbers)
