"""The heads of one sequence at one step: addressing, writing and reading, forward and backward."""

from src.engines.numba_cpu.bundles import Head
from src.engines.numba_cpu.dispatch import address, address_backward
from src.engines.numba_cpu.heads import content_lookup, content_lookup_backward
from src.engines.numba_cpu.numerics import like, sigmoid
from src.engines.numba_cpu.read import along_slots, along_words, spread
from src.engines.numba_cpu.routine import inlined, routine
from src.engines.numba_cpu.scratch import head_views
from src.engines.numba_cpu.views import at, copy, fill, span
from src.engines.numba_cpu.write import write, write_backward


@routine
def copy_words(a, out):
    """out[:] = a, of two dimensions."""
    for m in range(a.shape[0]):
        copy(at(a, m), at(out, m))


@inlined
def use_memory(plan, constants, step, memory, reads, work):
    """All heads address the memory [M, N], all write heads write, all read heads read into reads [RM]."""
    raw, clip = step.raw, constants.clip
    for p in range(raw.shape[0]):
        raw[p] = -clip if raw[p] < -clip else raw[p]
        raw[p] = clip if raw[p] > clip else raw[p]
    content_lookup(plan, raw, memory, step.norms, step.by_content)
    for h in range(plan.reads + plan.writes):
        step.place[h] = address(plan, constants, head_views(plan, step, h), work.scratch)
    write_to(plan, step, memory, work)
    for h in range(plan.reads):
        word = span(reads, h * plan.words, plan.words)
        fill(word, like(clip, 0.0))
        along_slots(memory, at(step.w, h), word)


@inlined
def write_to(plan, step, memory, work):
    """What the write heads do, as the tape has it."""
    _erase_and_add(plan, step.raw, work.erase, work.add)
    write(memory, span(step.w, plan.reads, plan.writes), work.erase, work.add, work.keep)


@routine
def _erase_and_add(plan, raw, erase, add):
    """What each write head erases and adds."""
    first = (plan.reads + plan.writes) * plan.head_size
    for h in range(plan.writes):
        for m in range(plan.words):
            erase[h, m] = sigmoid(raw[first + m])
            add[h, m] = raw[first + plan.words + m]
        first += 2 * plan.words


@inlined
def use_memory_backward(plan, constants, step, before, after, d, work):
    """Backward of `use_memory`.

    Args:
        before, after: the memory as the step found it, and as it left it.
        d: `StepGradients`.
    """
    words, heads = plan.words, plan.reads + plan.writes
    zero, one = like(constants.clip, 0.0), like(constants.clip, 1.0)
    raw, draw, clip = step.raw, d.raw, constants.clip
    fill(draw, zero)
    copy_words(d.w, work.dw)
    for h in range(plan.reads):
        dread = span(d.reads, h * words, words)
        along_words(after, dread, at(work.dw, h))
        spread(dread, at(step.w, h), d.memory)
    erase, add, derase, dadd = work.erase, work.add, work.derase, work.dadd
    _erase_and_add(plan, raw, erase, add)
    w_write, dw_write = span(step.w, plan.reads, plan.writes), span(work.dw, plan.reads, plan.writes)
    write_backward(before, w_write, erase, add, d.memory, dw_write, derase, dadd, work.keep)
    for h in range(plan.writes):
        first = heads * plan.head_size + 2 * words * h
        for m in range(words):
            draw[first + m] = derase[h, m] * erase[h, m] * (one - erase[h, m])
            draw[first + words + m] = dadd[h, m]
    for h in range(heads):
        fill(at(d.w, h), zero)
        dhead = Head(
            span(draw, h * plan.head_size, plan.head_size),
            at(work.dby_content, h),
            at(d.w, h),
            d.place[h],
            at(work.dw, h),
        )
        d.place[h] = address_backward(plan, constants, head_views(plan, step, h), dhead, work.scratch, work.d)
    content_lookup_backward(
        plan, raw, before, step.norms, step.by_content, work.dby_content, draw, d.memory, work.pull
    )
    for p in range(raw.shape[0]):
        inside = raw[p] > -clip and raw[p] < clip
        draw[p] = draw[p] if inside else draw[p] * zero
