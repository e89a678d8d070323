"""The Differentiable Multi-Scale NTM: heads with real-valued motion and a Gaussian focus of learned width."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ..common import checks
from ..memory import addressing
from .layout import Field, Layout, at_least_one, softmax
from .machine import Machine, one_hot_at_zero

CARRIES = ("weighting", "position")
MOTIONS = ("relative", "hybrid")
#: Initial logit of the step +1: before training, a head mostly steps forwards.
STEP_BIAS = 2.0


class DMSNTM(Machine):
    """A machine whose heads move continuously and focus with Gaussian kernels.

    The controller gives each head a motion and K widths sigma_k = sigma_min + softplus(raw + b_k),
    where b_k makes sigma_k = sigma_init 2^k at raw = 0. kernel(x) is `addressing.gaussian`.

    With carry = weighting, the weighting of the previous step, as in the NTM, is convolved with s and sharpened,
    since repeated convolution blurs it::

        relative   s = kernel(delta)
        hybrid     s = (1 - j) step + j kernel(J), step over {-1, 0, 1}, j = sigmoid, J = jump_range tanh

    With carry = position, the state of a head is one real position p, and w = kernel(p) at every step::

        relative   p = p_before + delta
        hybrid     p = p_before + (1 - j) (step_{+1} - step_{-1}) + j J

    Content-based addressing, where it is used, then changes the weighting but not p.

    Args:
        carry: weighting or position.
        motion: relative or hybrid.
        sigma_init: initial width in slots, above sigma_min.
        sigma_min: smallest width in slots, above 0.
        num_scales: K.
        jump_range: longest jump in slots; None for half of `memory_slots`, also where a state has more slots.
        jump_bias: initial logit of the jump gate j (hybrid).
        delta_init: initial motion per step in slots (relative).

    The other arguments are those of `Machine`.
    """

    size_options = ("content_addressing", "carry", "motion", "num_scales")
    drawings = ("addressing_examples",)

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
        gate_bias: float = 0.0,
        carry: str = "weighting",
        motion: str = "hybrid",
        sigma_init: float = 0.5,
        sigma_min: float = 0.1,
        num_scales: int = 1,
        jump_range: float | None = None,
        jump_bias: float = -4.0,
        delta_init: float = 1.0,
        memory_init: str = "constant",
        output_clip: float | None = 20.0,
        engine: str = "auto",
    ) -> None:
        self.carry = checks.choice("carry", carry, CARRIES)
        self.motion = checks.choice("motion", motion, MOTIONS)
        self.num_scales = checks.integer("num_scales", num_scales)
        self.sigma_min = checks.number("sigma_min", sigma_min, above=0)
        checks.number("sigma_init", sigma_init, above=0)
        if sigma_init <= sigma_min:
            raise checks.refuse("sigma_init", sigma_init, f"above sigma_min={sigma_min}")
        if jump_range is None:
            jump_range = checks.integer("memory_slots", memory_slots) / 2
        self.jump_range = checks.number("jump_range", jump_range, above=0)
        self.jump_bias = checks.number("jump_bias", jump_bias)
        self.delta_init = checks.number("delta_init", delta_init)
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
        widths = [sigma_init * 2.0**k - sigma_min for k in range(num_scales)]
        self.sigma_bias: Tensor
        self.register_buffer(
            "sigma_bias", torch.tensor([inverse_softplus(width) for width in widths]), persistent=False
        )

    def head_layout(self) -> Layout:
        fields = self.content_fields()
        if self.carry == "weighting":
            fields.append(Field("gamma", squash=at_least_one))
        fields.append(Field("sigma", self.num_scales, self._width, shown=True))
        if self.num_scales > 1:
            fields.append(Field("mixture", self.num_scales, softmax))
        if self.motion == "relative":
            fields.append(Field("delta", bias=self.delta_init, shown=True))
        else:
            fields += [
                Field("step", 3, softmax, (0.0, 0.0, STEP_BIAS)),
                Field("jump", squash=torch.sigmoid, bias=self.jump_bias, shown=True),
                Field("jump_distance", squash=self._within_range, shown=True),
            ]
        return Layout(*fields)

    def _width(self, raw: Float[Tensor, "B H K"]) -> Float[Tensor, "B H K"]:
        return self.sigma_min + softplus(raw + self.sigma_bias)

    def _within_range(self, raw: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return self.jump_range * raw.tanh()

    def initial_heads(self, batch_size: int, slots: int) -> Float[Tensor, "B H *N"]:
        if self.carry == "position":
            return self.initial_memory.new_zeros(batch_size, self.num_heads)
        return one_hot_at_zero(self.initial_memory, batch_size, self.num_heads, slots)

    def address(
        self, raw: Float[Tensor, "B H P"], memory: Float[Tensor, "B N M"], before: Float[Tensor, "B H *N"]
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H *N"], dict[str, Tensor]]:
        numbers, slots = self.layout.read(raw), memory.shape[1]
        seen = self.layout.shown(numbers)
        sigma = numbers.sigma
        mixture = numbers.mixture if self.num_scales > 1 else torch.ones_like(sigma)

        if self.carry == "position":
            if self.motion == "relative":
                position = before + numbers.delta
            else:
                stride = numbers.step[..., 2] - numbers.step[..., 0]
                position = before + torch.lerp(stride, numbers.jump_distance, numbers.jump)
            w = self.with_content(numbers, memory, addressing.gaussian(position, sigma, mixture, slots))
            return w, position, seen | {"position": position}

        w = self.with_content(numbers, memory, before)
        if self.motion == "relative":
            kernel = addressing.gaussian(numbers.delta, sigma, mixture, slots)
        else:
            far = addressing.gaussian(numbers.jump_distance, sigma, mixture, slots)
            kernel = addressing.step_or_jump(numbers.step, numbers.jump, far)
        w = addressing.sharpen(addressing.convolve(w, kernel), numbers.gamma)
        return w, w, seen


def inverse_softplus(y: float) -> float:
    """Inverse of softplus: the x with log(1 + e^x) = y, for y > 0, without overflow."""
    return y + math.log(-math.expm1(-y))
