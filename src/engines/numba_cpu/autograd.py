"""The whole sequence of a machine as one operation of torch's autograd, computed by the kernels."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...cells.machine import Machine
from ...cells.machine_state import MachineState
from . import plan
from .bundles import CarryGradients, Gradients, Tape, Weights
from .head_states import HeadTensors, state_of, tensors_of
from .kernel_settings import KernelSettings
from .kernel_threads import thread_count
from .kernels import kernels
from .machine_kinds import kind_of
from .operation import DTYPES, check_backward, zero_padded
from .plan import SEGMENT, padded
from .threads import over_rows
from .weights import CONTROLLER_KINDS, check_weights
from .workspace import Workspace


def sequence(
    machine: Machine, x: Float[Tensor, "B T F"], state: MachineState | None
) -> tuple[Float[Tensor, "B T O"], MachineState]:
    """All steps of a machine in one call; equals `Machine.step` over time up to rounding.

    Raises:
        ValueError, TypeError: an input or a state that does not fit, see `Cell.check`; or weights that do not fit.
    """
    x = machine.check(x, state)
    state = machine.initial_state(len(x)) if state is None else state
    if x.dtype not in DTYPES:
        raise TypeError(f"x is {x.dtype}: the fused engine computes in float32 or float64")
    controller, heads, own = machine.controller, machine.heads, state.controller
    batch, slots, size = len(x), state.memory.shape[1], controller.output_size
    controller_kind, machine_kind = CONTROLLER_KINDS[type(controller)], kind_of(type(machine))
    assert machine_kind is not None
    kind = controller_kind.number
    h = own.hidden[0] if kind != plan.FEEDFORWARD else x.new_zeros(batch, size)
    c = own.cell[0] if kind == plan.LSTM else x.new_zeros(batch, 0)
    given = controller_kind.inputs(controller, x)
    none = x.new_zeros(x.shape[1], batch, machine.num_heads, 0)
    skip = none if machine.skip is None else machine.skip(x).transpose(0, 1)
    carried = (
        torch.cat([h, state.reads.flatten(1)], 1),
        c,
        *tensors_of(state.heads, slots),
        state.memory.transpose(1, 2),
    )
    settings = KernelSettings(machine, machine_kind, kind, size, slots, DTYPES[x.dtype])
    read = machine.read_heads * machine.word_size
    joint = controller_kind.joint(size, read, given.shape[2], *controller_kind.options(controller))
    weights = controller_kind.parameters(controller)
    check_weights(settings.plan, x.dtype, joint, weights, (heads.weight, heads.bias))
    inputs = given.contiguous(), skip, heads.weight, heads.bias, *carried, *weights
    y, c, *heads_after, memory = _Sequence.apply(settings, joint, torch.is_grad_enabled(), *inputs)

    h, reads = y[-1].split([size, read], dim=1)
    if kind != plan.FEEDFORWARD:
        own = own._replace(hidden=(h,))
    if kind == plan.LSTM:
        own = own._replace(cell=(c,))
    after = state._replace(
        controller=own,
        memory=memory.transpose(1, 2),
        heads=state_of(HeadTensors(*heads_after), state.heads),
        reads=reads.unflatten(1, (machine.read_heads, machine.word_size)),
    )
    return y.transpose(0, 1), after


#: Tensors of the state that `_Sequence` takes besides u: c, w, place, bookmark, its place, and the memory.
CARRIED = 6


class _Sequence(torch.autograd.Function):
    """The two kernels as an autograd operation; its backward can be called once."""

    @staticmethod
    def forward(  # type: ignore[no-untyped-def]
        ctx, settings, joint, store, x, skip, w_heads, b_heads, u_before, *others
    ):
        p = settings.plan
        *carried_before, memory_before = others[:CARRIED]
        c_before, _, _, bookmark_before, _ = carried_before
        store = store and any(ctx.needs_input_grad)
        batch, steps, heads = len(x), x.shape[1], p.reads + p.writes
        width = u_before.shape[1]
        u = x.new_empty(steps + 1, batch, width + x.shape[2] + 1)
        u[0, :, :width] = u_before
        memory = x.new_zeros(batch, p.words, p.width)  # behind the slots are zeros
        memory[..., : p.slots] = memory_before
        work = Workspace(
            settings.dtype,
            [
                (steps, batch, padded(joint.rows)),
                (steps + 1, batch, c_before.shape[1]),
                (steps, batch, padded(len(b_heads))),
                (steps + 1, batch, heads, p.width),
                (steps + 1, batch, heads),
                (steps + 1, batch, heads, padded(bookmark_before.shape[2])),
                (steps + 1, batch, heads),
                (steps, batch, heads, p.skips),
                (steps if store and p.content else 1, batch, heads, 2, p.width),
                (steps if store and p.content else 1, batch, p.width),
                (-(-steps // SEGMENT) if store else 0, batch, p.words, p.width),
            ],
        )
        tape = Tape(u.numpy(), *work.arrays)
        carried = (tape.c, tape.w, tape.place, tape.bookmark, tape.bookmark_place)
        for array, given in zip(carried, carried_before, strict=True):
            size = given.shape[-1]
            array[0, ..., :size] = given.numpy()
            array[0, ..., size:] = 0.0
        torch.from_numpy(tape.skip).copy_(skip)
        gates = joint.matrix(others[CARRIED:])
        numbers = zero_padded(w_heads)
        weights = Weights(
            np.ascontiguousarray(gates[:, : joint.columns].T),
            np.ascontiguousarray(numbers[:, : p.hidden].T),
            zero_padded(b_heads),
        )
        inputs, words = x.detach().numpy(), memory.numpy()
        kernel, _ = kernels(p.kind, settings.dtype)
        over_rows(
            lambda _, first, last: kernel(p, settings.constants, first, last, inputs, weights, tape, words),
            batch,
            thread_count(),
        )
        sizes = [given.shape[-1] for given in carried_before]
        after = [
            torch.from_numpy(array[-1, ..., :size].copy()) for array, size in zip(carried, sizes, strict=True)
        ]
        if store:
            ctx.settings, ctx.work, ctx.u, ctx.version = settings, work, u, u._version
            ctx.sizes = [*sizes, p.slots]
            ctx.joint, ctx.transposed = joint, Weights(gates, numbers, np.empty(0, settings.dtype))
        ctx.set_materialize_grads(False)
        return u[1:, :, :width], *after, memory[..., : p.slots].contiguous()

    @staticmethod
    def backward(ctx, dy, *dafter):  # type: ignore[no-untyped-def]
        check_backward(ctx.work, ctx.u, ctx.version)
        settings, joint, weights, u = ctx.settings, ctx.joint, ctx.transposed, ctx.u
        p = settings.plan
        tape = Tape(u.numpy(), *ctx.work.arrays)
        steps, batch, gates = tape.gates.shape
        numbers, count = tape.raw.shape[2], (p.reads + p.writes) * p.head_size + 2 * p.writes * p.words
        width = p.hidden + p.reads * p.words

        def copied(gradient: Tensor | None, shape: tuple[int, ...]) -> Tensor:
            copy = u.new_zeros(shape)
            if gradient is not None:
                copy[..., : gradient.shape[-1]] = gradient
            return copy

        tapes = (tape.c, tape.w, tape.place, tape.bookmark, tape.bookmark_place)
        shapes = (*(one.shape[1:] for one in tapes), (batch, p.words, p.width))
        carried = [copied(*one) for one in zip(dafter, shapes, strict=True)]
        dy = u.new_zeros(steps, batch, width) if dy is None else dy.contiguous()
        du = u.new_empty(batch, width)
        dx = u.new_empty(batch if ctx.needs_input_grad[3] else 0, steps, u.shape[2] - width - 1)
        dskip = u.new_empty(tape.skip.shape)
        threads = min(thread_count(), batch)
        # Each thread has its own sums for the gradients of the weights.
        shapes = (joint.columns, gates), (p.hidden, numbers), (numbers,)
        sums = [np.zeros((threads, *shape), settings.dtype) for shape in shapes]
        carry = CarryGradients(*(one.numpy() for one in (du, *carried)))
        gradients = [
            Gradients(dy.numpy(), dx.numpy(), dskip.numpy(), carry, Weights(*(one[i] for one in sums)))
            for i in range(threads)
        ]
        _, kernel = kernels(p.kind, settings.dtype)
        over_rows(
            lambda i, first, last: kernel(p, settings.constants, first, last, weights, tape, gradients[i]),
            batch,
            threads,
        )
        dgates, dheads, dbias = (one[0] if threads == 1 else one.sum(0) for one in sums)
        ctx.work = ctx.u = ctx.transposed = None
        dheads = torch.from_numpy(np.ascontiguousarray(dheads[:, :count].T))
        of_heads = dheads, torch.from_numpy(dbias[:count])
        dx = dx if len(dx) else None
        carried = [one[..., :size] for one, size in zip(carried, ctx.sizes, strict=True)]
        return None, None, None, dx, dskip, *of_heads, du, *carried, *joint.gradients(dgates)


def prepare(machine: Machine, dtype: torch.dtype) -> None:
    """Compile the kernels of a machine for a dtype now instead of at the first batch."""
    kind = kind_of(type(machine))
    assert kind is not None
    kernels(kind.plan.kind, DTYPES[dtype])
