"""Content-based addressing of all heads, and its interpolation with another weighting."""

from .addressing import interpolate
from .content import content, content_backward, measure, measure_backward
from .lanes import LANES, load, store
from .numerics import like, sigmoid, softplus, softplus_slope
from .read import add_outer, along_slots, along_words
from .routine import inlined, routine
from .vectors import inner
from .views import at, copy, fill, span


@routine
def _key(plan, raw, head):
    """View of the key in the raw numbers, or of its gradient in their gradient."""
    return span(raw, head * plan.head_size + plan.start.key, plan.words)


@inlined
def content_lookup(plan, raw, memory, norms, by_content):
    """Content-based addressing of all heads: sets by_content[H, 2, N] (cosines, weightings) and the inverse norms.

    There are at least two heads, one read head and one write head.
    """
    if plan.content == 0:
        return
    dots, other_dots = at(at(by_content, 0), 0), at(at(by_content, 1), 0)
    measure(memory, _key(plan, raw, 0), _key(plan, raw, 1), dots, other_dots, norms)
    for h in range(by_content.shape[0]):
        cosine, beta = at(at(by_content, h), 0), softplus(raw[h * plan.head_size + plan.start.beta])
        if h >= 2:
            fill(cosine, like(beta, 0.0))
            along_words(memory, _key(plan, raw, h), cosine)
        content(norms, _key(plan, raw, h), beta, cosine, at(at(by_content, h), 1), plan.slots)


@inlined
def content_lookup_backward(plan, raw, memory, norms, by_content, dby_content, draw, dmemory, pull):
    """Backward of `content_lookup`: adds to draw and dmemory.

    Overwrites `pull` and dby_content[H, N], the gradient of the content weightings.
    """
    if plan.content == 0:
        return
    fill(pull, like(raw[0], 0.0))
    for h in range(by_content.shape[0]):
        strength = raw[h * plan.head_size + plan.start.beta]
        dbeta = content_backward(
            norms,
            _key(plan, raw, h),
            softplus(strength),
            at(at(by_content, h), 0),
            at(at(by_content, h), 1),
            at(dby_content, h),
            _key(plan, draw, h),
            pull,
        )
        draw[h * plan.head_size + plan.start.beta] += dbeta * softplus_slope(strength)
        if h >= 2:
            along_slots(memory, at(dby_content, h), _key(plan, draw, h))
            add_outer(_key(plan, raw, h), at(dby_content, h), dmemory)
    measure_backward(
        memory,
        norms,
        _key(plan, raw, 0),
        _key(plan, raw, 1),
        at(dby_content, 0),
        at(dby_content, 1),
        pull,
        _key(plan, draw, 0),
        _key(plan, draw, 1),
        dmemory,
    )


@routine
def mix_content(plan, head, before, out):
    """out = g w_content + (1 - g) before; `before` itself without content-based addressing."""
    if plan.content:
        interpolate(head.w_content, before, sigmoid(head.raw[plan.start.gate]), out)
    else:
        copy(before, out)


@routine
def mix_content_backward(plan, head, before, dout, dhead, dbefore):
    """Backward of `mix_content`: adds to dbefore; with content also to dhead.raw, and sets dhead.w_content."""
    if plan.content == 0:
        for n in range(0, dout.shape[0], LANES):
            store(dbefore, n, load(dbefore, n) + load(dout, n))
        return
    w_content, dw_content = head.w_content, dhead.w_content
    gate = sigmoid(head.raw[plan.start.gate])
    rest = like(gate, 1.0) - gate
    dhead.raw[plan.start.gate] += gate * rest * (inner(dout, w_content) - inner(dout, before))
    for n in range(0, dout.shape[0], LANES):
        d = load(dout, n)
        store(dbefore, n, load(dbefore, n) + d * rest)
        store(dw_content, n, d * gate)
