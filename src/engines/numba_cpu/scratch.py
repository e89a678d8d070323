"""Scratch buffers of a kernel, and views of a tape for one sequence or head."""

import numpy as np

from .bundles import Head, HeadScratch, SequenceScratch, StepTape
from .routine import inlined, routine
from .views import at, span


@routine
def _head_scratch(plan, dtype):
    width, scales = plan.width, plan.scales
    return HeadScratch(
        np.empty(width, dtype),
        np.empty(3, dtype),
        np.empty(width, dtype),
        np.empty(plan.slots + width, dtype),
        np.empty(width, dtype),
        np.empty(max(width, plan.shifts), dtype),
        np.empty((scales, width), dtype),
        np.empty(3, dtype),
        np.empty(scales, dtype),
        np.empty(scales, dtype),
    )


@inlined
def sequence_scratch(plan, dtype):
    """Make the scratch buffers of one call of a kernel."""
    width, words, writes, heads = plan.width, plan.words, plan.writes, plan.reads + plan.writes
    return SequenceScratch(
        _head_scratch(plan, dtype),
        _head_scratch(plan, dtype),
        np.empty(width, dtype),
        np.empty((writes, words), dtype),
        np.empty((writes, words), dtype),
        np.empty((writes, words), dtype),
        np.empty((writes, words), dtype),
        np.empty((heads, width), dtype),
        np.empty((heads, width), dtype),
    )


@inlined
def step_views(tape, t, b):
    """Views of a tape for one sequence at one step."""
    return StepTape(
        at(at(tape.raw, t), b),
        at(at(tape.w, t), b),
        at(at(tape.w, t + 1), b),
        at(at(tape.place, t), b),
        at(at(tape.place, t + 1), b),
        at(at(tape.bookmark, t), b),
        at(at(tape.bookmark, t + 1), b),
        at(at(tape.bookmark_place, t), b),
        at(at(tape.bookmark_place, t + 1), b),
        at(at(tape.skip, t), b),
        at(at(tape.by_content, t % tape.by_content.shape[0]), b),
        at(at(tape.norms, t % tape.norms.shape[0]), b),
    )


@inlined
def head_views(plan, step, h):
    """Views of one head of a step."""
    return Head(
        h,
        span(step.raw, h * plan.head_size, plan.head_size),
        at(step.skip, h),
        at(at(step.by_content, h), 1),
        at(step.w_before, h),
        step.place_before[h],
        at(step.bookmark_before, h),
        step.bookmark_place_before[h],
        at(step.w, h),
        at(step.bookmark, h),
    )
