"""What heads of all kinds share: looking for content, and choosing between it and where they were."""

from numba import njit

from src.fused.addressing import interpolate
from src.fused.memory import content, content_backward, dot
from src.fused.numerics import FAST, like, sigmoid, softplus, softplus_slope
from src.fused.plan import ROW
from src.fused.views import at, copy, span


@njit(fastmath=FAST, error_model="numpy")
def look(plan, raw, memory, norms, before, room, out):
    """out = g w_content + (1 - g) before; `before` itself without content addressing."""
    slots, words = plan.slots, plan.words
    if plan.content == 0:
        copy(before, out)
        return
    w_content = span(at(room, ROW.w_content), 0, slots)
    content(
        memory, norms, span(raw, 0, words), softplus(raw[words]), span(at(room, ROW.cosine), 0, slots), w_content
    )
    interpolate(w_content, before, sigmoid(raw[words + 1]), out)


@njit(fastmath=FAST, error_model="numpy")
def look_backward(plan, raw, memory, norms, before, room, dout, draw, dbefore, dmemory, pull):
    """Backward of `look`, after it has left its traces in `room`. Overwrites dout; adds to all else."""
    slots, words = plan.slots, plan.words
    if plan.content == 0:
        for n in range(slots):
            dbefore[n] += dout[n]
        return
    cosine, w_content = span(at(room, ROW.cosine), 0, slots), span(at(room, ROW.w_content), 0, slots)
    gate = sigmoid(raw[words + 1])
    rest = like(gate, 1.0) - gate
    draw[words + 1] += gate * rest * (dot(dout, w_content) - dot(dout, before))
    for n in range(slots):
        dbefore[n] += rest * dout[n]
        dout[n] *= gate
    dbeta = content_backward(
        memory,
        norms,
        span(raw, 0, words),
        softplus(raw[words]),
        cosine,
        w_content,
        dout,
        span(draw, 0, words),
        dmemory,
        pull,
    )
    draw[words] += dbeta * softplus_slope(raw[words])
