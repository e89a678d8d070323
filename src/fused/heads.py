"""What heads of all kinds share: looking for content, and choosing between it and where they were."""

from src.fused.addressing import interpolate
from src.fused.memory import content, content_backward, dot
from src.fused.numerics import like, sigmoid, softplus, softplus_slope
from src.fused.routine import routine
from src.fused.views import at, copy, span


@routine
def look(plan, raw, memory, norms, found):
    """Look for content: leaves the cosines and the weighting in found[2, N]."""
    if plan.content:
        words = plan.words
        content(memory, norms, span(raw, 0, words), softplus(raw[words]), at(found, 0), at(found, 1))


@routine
def choose(plan, raw, found, before, out):
    """out = g w_content + (1 - g) before; `before` itself without content addressing."""
    if plan.content:
        interpolate(at(found, 1), before, sigmoid(raw[plan.words + 1]), out)
    else:
        copy(before, out)


@routine
def look_and_choose_backward(plan, raw, memory, norms, found, before, dout, draw, dbefore, dmemory, pull):
    """Backward of `choose` after `look`. Overwrites dout; adds to all else."""
    slots, words = plan.slots, plan.words
    if plan.content == 0:
        for n in range(slots):
            dbefore[n] += dout[n]
        return
    cosine, w_content = at(found, 0), at(found, 1)
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
