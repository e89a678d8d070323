"""The Differentiable Multi-Scale NTM: heads with real-valued motion and a focus of learned width."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..common import checks
from ..memory import addressing
from .by_head import ByHead, Heads
from .layout import LARGEST, Field, Layout, at_least_one, softmax, step_logits
from .machine import Machine
from .machine_state import Anchored, one_hot_at_zero
from .widths import NARROWEST, width_biases, width_bound, width_schedules, widths

CARRIES = ("weighting", "position")
MOTIONS = ("relative", "hybrid", "anchored")


class DMSNTM(Machine):
    """A machine whose heads move continuously and focus with kernels of learned width.

    The controller gives each head a motion and K widths sigma_k = sigma_min + softplus(raw + b_k), where b_k makes
    sigma_k = sigma_init 2^k at raw = 0. kernel(x) is `addressing.gaussian` or `addressing.cauchy`. With an upper
    bound, sigma_k = sigma_min + (sigma_max - sigma_min) sigmoid(raw + b_k).

    With carry = weighting, the weighting of the previous step, as in the NTM, is convolved with s and sharpened,
    since repeated convolution blurs it::

        relative   s = kernel(delta)
        hybrid     s = (1 - j) step + j kernel(J), step over {-1, 0, 1}, j = sigmoid, J = jump_range tanh
        anchored   s = kernel(delta), applied to a mixture of the previous weighting, the bookmark and slot 0

    With carry = position, the state of a head is one real position p, and w = kernel(p) at every step::

        relative   p = p_before + delta
        hybrid     p = p_before + (1 - j) (step_{+1} - step_{-1}) + j J
        anchored   p = a . (p_before, bookmark, 0) + delta, a = softmax

    Content-based addressing, where it is used, then changes the weighting but not p. An anchored head stores where
    it is in its bookmark, (1 - store) bookmark + store now, store = sigmoid. An input skip adds to delta or J.

    Args:
        carry: weighting or position.
        motion: relative, hybrid or anchored.
        kernel: gaussian or cauchy.
        sigma_init: initial width in slots, above sigma_min; by head.
        sigma_min: smallest width in slots, at least 1e-6.
        sigma_max: bound on the width in slots, above the initial widths, at most 1e6; None for none; by head.
        sigma_schedule: ``{factor: .., share: ..}``, see `WidthSchedule`: a factor on the width, after the bounds
            sigma_min and sigma_max, that shrinks to 1 in training; None for none; by head.
        num_scales: K.
        lattice: strength of `addressing.snap`, 0 to 1; of p, or with carry = weighting of delta or J; by head.
        jump_range: longest jump in slots, at most 1e6; None for half of `memory_slots`, also where a state has
            more slots.
        jump_bias: initial logit of the jump gate j (hybrid), or of a return to the bookmark and to slot 0
            (anchored); by head.
        bookmark_bias: initial logit of the gate that stores the bookmark (anchored); by head.
        delta_init: initial motion per step in slots (relative, anchored); by head.
        step_bias: initial logit of the step by +1. A negative value begins with standing still instead: the logit
            of the step by 0 is then its absolute value (hybrid); by head.

    The other arguments are those of `Machine`.
    """

    size_options = ("content_addressing", "input_skip", "carry", "motion", "num_scales")
    drawings = ("addressing_examples",)
    sigma_bias: Tensor
    lattice_strength: Tensor
    sigma_factor: Tensor

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
        carry: str = "weighting",
        motion: str = "hybrid",
        kernel: str = "gaussian",
        sigma_init: Any = 0.5,
        sigma_min: float = 0.1,
        sigma_max: Any = None,
        sigma_schedule: Mapping[str, Any] | None = None,
        num_scales: int = 1,
        lattice: Any = 0.0,
        jump_range: float | None = None,
        jump_bias: Any = -4.0,
        bookmark_bias: Any = -2.0,
        delta_init: Any = 1.0,
        step_bias: Any = 2.0,
        input_skip: Any = False,
        input_skip_init: Any = 0.0,
        memory_init: str = "constant",
        output_clip: float | None = 20.0,
        engine: str = "auto",
        numbers: Sequence[int] = (),
    ) -> None:
        self.carry = checks.choice("carry", carry, CARRIES)
        self.motion = checks.choice("motion", motion, MOTIONS)
        self.kernel = checks.choice("kernel", kernel, tuple(addressing.KERNELS))
        self.num_scales = checks.integer("num_scales", num_scales)
        self.sigma_min = checks.number("sigma_min", sigma_min, least=NARROWEST, most=LARGEST)
        heads = Heads(read_heads, write_heads)
        self.sigma_max = heads.option("sigma_max", sigma_max, width_bound, sigma_min=self.sigma_min)
        self.sigma_init = heads.option("sigma_init", sigma_init, checks.number, above=0, below=LARGEST)
        ends = zip(heads.named("sigma_init", sigma_init), heads.named("sigma_max", sigma_max), strict=True)
        biases = [width_biases(*both, self.sigma_min, self.num_scales) for both in ends]
        self.sigma_schedule = width_schedules("sigma_schedule", sigma_schedule, heads)
        self.lattice = heads.option("lattice", lattice, checks.number, least=0, most=1)
        longest = checks.integer("memory_slots", memory_slots) / 2 if jump_range is None else jump_range
        self.jump_range = checks.number("jump_range", longest, above=0, most=LARGEST)
        self.jump_bias = heads.option("jump_bias", jump_bias, checks.number)
        self.bookmark_bias = heads.option("bookmark_bias", bookmark_bias, checks.number)
        self.delta_init = heads.option("delta_init", delta_init, checks.number)
        self.step_bias = heads.option("step_bias", step_bias, checks.number)
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
            input_skip_init=input_skip_init,
            memory_init=memory_init,
            output_clip=output_clip,
            engine=engine,
            numbers=numbers,
        )
        self.register_buffer("sigma_bias", torch.tensor(biases), persistent=False)
        self.register_buffer("lattice_strength", torch.tensor(self.lattice), persistent=False)
        if any(self.sigma_schedule):  # stored in checkpoints: one may be made before the schedule ends
            self.register_buffer("sigma_factor", torch.ones(self.num_heads, 1))
            self.at_progress(0.0)

    def at_progress(self, done: float) -> None:
        """Set the factor of `sigma_schedule`, see `Cell.at_progress`."""
        if any(self.sigma_schedule):
            factors = [1.0 if one is None else one.at(done) for one in self.sigma_schedule]
            self.sigma_factor.copy_(torch.tensor(factors).unsqueeze(1))

    def head_layout(self) -> Layout:
        fields = self.content_fields()
        if self.carry == "weighting":
            fields.append(Field("gamma", squash=at_least_one))
        fields.append(Field("sigma", self.num_scales, self._width, shown=True))
        if self.num_scales > 1:
            fields.append(Field("mixture", self.num_scales, softmax))
        if self.motion == "hybrid":
            fields += [
                Field("step", 3, softmax, step_logits(self.step_bias, 1)),
                Field("jump", squash=torch.sigmoid, bias=self.jump_bias, shown=True),
                Field("jump_distance", squash=self._within_range, shown=True),
            ]
            return Layout(*fields)
        fields.append(Field("delta", bias=self.delta_init, shown=True))
        if self.motion == "anchored":
            fields += [
                Field("anchor", 3, softmax, ByHead((0.0, bias, bias) for bias in self.jump_bias)),
                Field("store", squash=torch.sigmoid, bias=self.bookmark_bias, shown=True),
            ]
        return Layout(*fields)

    def _width(self, raw: Float[Tensor, "B H K"]) -> Float[Tensor, "B H K"]:
        sigma = widths(raw + self.sigma_bias, self.sigma_min, self.sigma_max)
        return sigma * self.sigma_factor if any(self.sigma_schedule) else sigma

    def _within_range(self, raw: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return self.jump_range * raw.tanh()

    def initial_heads(self, batch_size: int, slots: int) -> Float[Tensor, "B H *N"] | Anchored:
        if self.carry == "position":
            start = self.initial_memory.new_zeros(batch_size, self.num_heads)
        else:
            start = one_hot_at_zero(self.initial_memory, batch_size, self.num_heads, slots)
        return Anchored(start, start) if self.motion == "anchored" else start

    def address(
        self,
        raw: Float[Tensor, "B H P"],
        memory: Float[Tensor, "B N M"],
        before: Float[Tensor, "B H *N"] | Anchored,
        skip: Float[Tensor, "B H 1"] | None = None,
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H *N"] | Anchored, dict[str, Tensor]]:
        numbers = self.layout.read(raw)
        if skip is not None:
            moved = "jump_distance" if self.motion == "hybrid" else "delta"
            setattr(numbers, moved, getattr(numbers, moved) + skip.squeeze(2))
        if not isinstance(before, Anchored):
            return self._move(numbers, memory, before)
        w, now, seen = self._move(numbers, memory, self._origin(numbers, before))
        store = numbers.store if self.carry == "position" else numbers.store.unsqueeze(2)
        seen |= dict(zip(("stay", "to_bookmark", "to_start"), numbers.anchor.unbind(2), strict=True))
        return w, Anchored(now, torch.lerp(before.bookmark, now, store)), seen

    def _origin(self, numbers: SimpleNamespace, before: Anchored) -> Float[Tensor, "B H *N"]:
        """Where an anchored head starts from: its previous place, its bookmark and slot 0, mixed."""
        stay, bookmark, start = numbers.anchor.unbind(2)
        if self.carry == "position":
            return stay * before.head + bookmark * before.bookmark
        mixed = stay.unsqueeze(2) * before.head + bookmark.unsqueeze(2) * before.bookmark
        return torch.cat([mixed[..., :1] + start.unsqueeze(2), mixed[..., 1:]], 2)

    def _move(
        self, numbers: SimpleNamespace, memory: Float[Tensor, "B N M"], before: Float[Tensor, "B H *N"]
    ) -> tuple[Float[Tensor, "B H N"], Float[Tensor, "B H *N"], dict[str, Tensor]]:
        """Weighting, place and shown numbers of the heads after a move from a place."""
        seen, slots, sigma = self.layout.shown(numbers), memory.shape[1], numbers.sigma
        mixture = numbers.mixture if self.num_scales > 1 else torch.ones_like(sigma)
        kernel, hybrid = addressing.KERNELS[self.kernel], self.motion == "hybrid"
        distance = numbers.jump_distance if hybrid else numbers.delta

        if self.carry == "position":
            if hybrid:
                distance = torch.lerp(numbers.step[..., 2] - numbers.step[..., 0], distance, numbers.jump)
            position = self._snapped(before + distance)
            w = self.with_content(numbers, memory, kernel(position, sigma, mixture, slots))
            return w, position, seen | {"position": position}

        w = self.with_content(numbers, memory, before)
        s = kernel(self._snapped(distance), sigma, mixture, slots)
        if hybrid:
            s = addressing.step_or_jump(numbers.step, numbers.jump, s)
        w = addressing.sharpen(addressing.convolve(w, s), numbers.gamma)
        return w, w, seen

    def _snapped(self, position: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return addressing.snap(position, self.lattice_strength) if any(self.lattice) else position
