"""Motion = anchored of the DMS-NTM: a head starts from its previous place, its bookmark or slot 0, and stores one.

Without it, a head starts from its previous place, and there is no bookmark.
"""

from .numerics import like, sigmoid
from .routine import routine
from .vectors import dot, softmax
from .views import copy, span


@routine
def _anchor(plan, head, scratch):
    """Set the weights of the three places to start from."""
    copy(span(head.raw, plan.start.anchor, 3), scratch.anchor)
    softmax(scratch.anchor)


@routine
def origin(plan, head, scratch):
    """Set the weighting that a head starts from (carry = weighting)."""
    if plan.anchored == 0:
        copy(head.before, scratch.origin)
        return
    _anchor(plan, head, scratch)
    stay, back, start = scratch.anchor[0], scratch.anchor[1], scratch.anchor[2]
    for n in range(scratch.origin.shape[0]):
        scratch.origin[n] = stay * head.before[n] + back * head.bookmark_before[n]
    scratch.origin[0] += start


@routine
def origin_place(plan, head, scratch):
    """The place that a head starts from (carry = position)."""
    if plan.anchored == 0:
        return head.place
    _anchor(plan, head, scratch)
    return scratch.anchor[0] * head.place + scratch.anchor[1] * head.bookmark_place


@routine
def origin_backward(plan, head, dhead, scratch, d, dplace, dbookmark_place):
    """Backward of `origin`, whose gradient is d.origin, or of `origin_place`, whose gradient is dplace.

    Adds to dhead.raw, dhead.before and dhead.bookmark; returns the gradients of both places before the step.
    """
    if plan.anchored == 0:
        if plan.position == 0:
            for n in range(d.origin.shape[0]):
                dhead.before[n] += d.origin[n]
        return dplace, dbookmark_place
    anchor, danchor = scratch.anchor, d.anchor
    stay, back = anchor[0], anchor[1]
    if plan.position:
        danchor[0], danchor[1], danchor[2] = dplace * head.place, dplace * head.bookmark_place, like(dplace, 0.0)
        dbookmark_place += back * dplace
        dplace *= stay
    else:
        danchor[0], danchor[1], danchor[2] = (
            dot(d.origin, head.before),
            dot(d.origin, head.bookmark_before),
            d.origin[0],
        )
        for n in range(d.origin.shape[0]):
            dhead.before[n] += stay * d.origin[n]
            dhead.bookmark[n] += back * d.origin[n]
    mean = dot(anchor, danchor)
    for q in range(3):
        dhead.raw[plan.start.anchor + q] += anchor[q] * (danchor[q] - mean)
    return dplace, dbookmark_place


@routine
def set_bookmark(plan, head, now):
    """Store the weighting in head.bookmark, or return the place of the bookmark of a head at the place `now`."""
    if plan.anchored == 0:
        return head.bookmark_place
    store = sigmoid(head.raw[plan.start.store])
    if plan.position:
        return head.bookmark_place + store * (now - head.bookmark_place)
    for n in range(head.w.shape[0]):
        head.bookmark[n] = head.bookmark_before[n] + store * (head.w[n] - head.bookmark_before[n])
    return head.bookmark_place


@routine
def set_bookmark_backward(plan, head, dhead, now):
    """Backward of `set_bookmark`: returns what it adds to the gradient of `now`, and that of the bookmark's place.

    Adds to dhead.raw and dhead.w; overwrites dhead.bookmark.
    """
    zero = like(now, 0.0)
    if plan.anchored == 0:
        return zero, dhead.bookmark_place
    store = sigmoid(head.raw[plan.start.store])
    rest = like(now, 1.0) - store
    if plan.position:
        dstore = dhead.bookmark_place * (now - head.bookmark_place)
        dhead.raw[plan.start.store] += dstore * store * rest
        return store * dhead.bookmark_place, rest * dhead.bookmark_place
    dstore = zero
    for n in range(head.w.shape[0]):
        dstore += dhead.bookmark[n] * (head.w[n] - head.bookmark_before[n])
        dhead.w[n] += store * dhead.bookmark[n]
        dhead.bookmark[n] *= rest
    dhead.raw[plan.start.store] += dstore * store * rest
    return zero, dhead.bookmark_place
