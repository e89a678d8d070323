"""One step of the memory of one sequence: addressing, writing and reading, forward and backward."""

from .bundles import Head
from .dispatch import address, address_backward
from .heads import content_lookup, content_lookup_backward
from .numerics import like, sigmoid
from .read import add_outer, along_slots, along_words
from .routine import inlined, routine
from .scratch import head_views
from .views import at, copy, fill, span
from .write import write, write_backward


@routine
def copy_words(a, out):
    """out[:] = a, of two dimensions."""
    for m in range(a.shape[0]):
        copy(at(a, m), at(out, m))


@inlined
def use_memory(plan, constants, step, memory, reads, scratch):
    """All heads address the memory [M, N], all write heads write, all read heads read into reads [RM]."""
    raw, clip = step.raw, constants.clip
    for p in range(raw.shape[0]):
        raw[p] = -clip if raw[p] < -clip else raw[p]
        raw[p] = clip if raw[p] > clip else raw[p]
    content_lookup(plan, raw, memory, step.norms, step.by_content)
    for h in range(plan.reads + plan.writes):
        step.place[h], step.bookmark_place[h] = address(plan, constants, head_views(plan, step, h), scratch.head)
    write_to(plan, step, memory, memory, scratch)
    for h in range(plan.reads):
        word = span(reads, h * plan.words, plan.words)
        fill(word, like(clip, 0.0))
        along_slots(memory, at(step.w, h), word)


@inlined
def write_to(plan, step, memory, after, scratch):
    """Set the memory after all write heads have written, with the weightings and raw numbers of the tape."""
    _erase_and_add(plan, step.raw, scratch.erase, scratch.add)
    write(memory, span(step.w, plan.reads, plan.writes), scratch.erase, scratch.add, after)


@routine
def _erase_and_add(plan, raw, erase, add):
    """Set the erase and add vectors of each write head."""
    first = (plan.reads + plan.writes) * plan.head_size
    for h in range(plan.writes):
        for m in range(plan.words):
            erase[h, m] = sigmoid(raw[first + m])
            add[h, m] = raw[first + plan.words + m]
        first += 2 * plan.words


@inlined
def use_memory_backward(plan, constants, step, before, after, d, scratch):
    """Backward of `use_memory`.

    Args:
        before, after: the memory before and after the step.
        d: `StepGradients`.
    """
    words, heads = plan.words, plan.reads + plan.writes
    zero, one = like(constants.clip, 0.0), like(constants.clip, 1.0)
    raw, draw, clip = step.raw, d.raw, constants.clip
    fill(draw, zero)
    copy_words(d.w, scratch.dw)
    for h in range(plan.reads):
        dread = span(d.reads, h * words, words)
        along_words(after, dread, at(scratch.dw, h))
        add_outer(dread, at(step.w, h), d.memory)
    erase, add, derase, dadd = scratch.erase, scratch.add, scratch.derase, scratch.dadd
    _erase_and_add(plan, raw, erase, add)
    w_write, dw_write = span(step.w, plan.reads, plan.writes), span(scratch.dw, plan.reads, plan.writes)
    write_backward(before, w_write, erase, add, d.memory, dw_write, derase, dadd)
    for h in range(plan.writes):
        first = heads * plan.head_size + 2 * words * h
        for m in range(words):
            draw[first + m] = derase[h, m] * erase[h, m] * (one - erase[h, m])
            draw[first + words + m] = dadd[h, m]
    for h in range(heads):
        fill(at(d.w, h), zero)
        dhead = Head(
            h,
            span(draw, h * plan.head_size, plan.head_size),
            at(d.skip, h),
            at(scratch.dby_content, h),
            at(d.w, h),
            d.place[h],
            at(d.bookmark, h),
            d.bookmark_place[h],
            at(scratch.dw, h),
            at(d.bookmark, h),
        )
        d.place[h], d.bookmark_place[h] = address_backward(
            plan, constants, head_views(plan, step, h), dhead, scratch.head, scratch.dhead
        )
    content_lookup_backward(
        plan, raw, before, step.norms, step.by_content, scratch.dby_content, draw, d.memory, scratch.pull
    )
    for p in range(raw.shape[0]):
        inside = raw[p] > -clip and raw[p] < clip
        draw[p] = draw[p] if inside else draw[p] * zero
