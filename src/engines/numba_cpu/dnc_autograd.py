"""A whole sequence of a DNC: its controller by torch, its memory by the kernels, step by step."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...cells import boundary
from ...cells.dnc import DNC, DNCState
from ...cells.dnc_interface import InterfaceLayout
from .dnc_bundles import DNCPlan, Memory, StepTape
from .kernels import dnc_kernels
from .operation import DTYPES, check_first_derivative, overridden

#: Methods of a DNC that are reimplemented: a DNC that overrides one is not supported.
REIMPLEMENTED = frozenset({"forward", "step", "access", "content"})


def unknown(dnc: DNC) -> str | None:
    """The reason why the kernels cannot run this kind of DNC; None if they can."""
    for option in ("mask_keys", "erase_freed", "sharpen_links"):
        if getattr(dnc, option):
            return f"{option}=True is unknown to the kernels"
    return overridden(type(dnc), DNC, REIMPLEMENTED)


def altered(dnc: DNC) -> str | None:
    """The reason why the kernels cannot replace the methods of this DNC; its submodules are called as they are."""
    if boundary.is_altered(dnc) or not REIMPLEMENTED.isdisjoint(dnc.__dict__):
        return f"{type(dnc).__name__} is hooked, parametrised or replaced"
    return None


def sequence(
    dnc: DNC, x: Float[Tensor, "B T F"], state: DNCState | None
) -> tuple[Float[Tensor, "B T O"], DNCState]:
    """All steps of a DNC; equals `DNC.step` over time up to rounding.

    Raises:
        ValueError, TypeError: an input or a state that does not fit, see `Cell.check`.
    """
    x = dnc.check(x, state)
    state = dnc.initial_state(len(x)) if state is None else state
    plan = plan_of(dnc.layout, state.memory.shape[1])
    outputs = []
    for x_t in x.unbind(1):
        h, raw, controller = dnc.control(x_t, state)
        state = DNCState(controller, *_Access.apply(plan, raw, *state[1:-1]))
        outputs.append(torch.cat([h, state.reads.flatten(1)], 1))
    return torch.stack(outputs, 1), state


def prepare(_: DNC, dtype: torch.dtype) -> None:
    """Compile the kernels for a dtype now instead of at the first batch."""
    dnc_kernels(DTYPES[dtype])


def plan_of(layout: InterfaceLayout, slots: int) -> DNCPlan:
    """The plan of a DNC whose interface has neither masks nor sharpness."""
    reads, words = layout.read_heads, layout.words
    _, add, beta, erase, modes = [sum(layout.sizes[:i]) for i in range(len(layout.sizes))]
    free = erase + words
    return DNCPlan(slots, words, reads, add, beta, erase, free, free + reads, modes)


class _Access(torch.autograd.Function):
    """The two kernels as an autograd operation, from raw numbers and the memory to the memory after a step."""

    @staticmethod
    def forward(ctx, plan, raw, *given):  # type: ignore[no-untyped-def]
        before = [one.detach().contiguous() for one in given]
        reads = raw.new_empty(len(raw), plan.reads, plan.words)
        after = [*(torch.empty_like(one) for one in before), reads]
        tape = [
            raw.detach().contiguous(),
            raw.new_empty(len(raw), plan.reads + 1, plan.slots),
            raw.new_empty(len(raw), plan.reads, 2, plan.slots),
            torch.empty(len(raw), plan.slots, dtype=torch.int64),
        ]
        kernel, _ = dnc_kernels(DTYPES[raw.dtype])
        kernel(plan, memory_of([*before, reads]), memory_of(after), StepTape(*arrays(tape)))
        ctx.plan = plan
        ctx.save_for_backward(*before, *after, *tape)
        ctx.set_materialize_grads(False)
        return tuple(after)

    @staticmethod
    def backward(ctx, *given):  # type: ignore[no-untyped-def]
        check_first_derivative()
        saved, count = ctx.saved_tensors, len(given)
        before, after, tape = saved[: count - 1], saved[count - 1 : 2 * count - 1], saved[2 * count - 1 :]
        pairs = zip(given, after, strict=True)
        dafter = [torch.zeros_like(one) if d is None else d.contiguous().clone() for d, one in pairs]
        dbefore, draw = [torch.empty_like(one) for one in before], torch.empty_like(tape[0])
        _, kernel = dnc_kernels(DTYPES[draw.dtype])
        kernel(
            ctx.plan,
            memory_of([*before, after[-1]]),
            memory_of(after),
            StepTape(*arrays(tape)),
            memory_of(dafter),
            memory_of([*dbefore, dafter[-1]]),
            draw.numpy(),
        )
        return None, draw, *dbefore


def memory_of(tensors: Iterable[Tensor]) -> Memory:
    """The arrays of the memory part of a state."""
    return Memory(*arrays(tensors))


def arrays(tensors: Iterable[Tensor]) -> list[np.ndarray]:
    """The arrays of tensors on the CPU."""
    return [one.numpy() for one in tensors]
