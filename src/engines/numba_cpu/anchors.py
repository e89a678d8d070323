"""Motion = anchored of the DMS-NTM: a head starts from its previous place, its bookmark or slot 0, and stores one.

Without it, a head starts from its previous place, and there is no bookmark.
"""

from .lanes import LANES, load, spread, store, total
from .numerics import like, sigmoid
from .routine import routine
from .vectors import dot, inner, softmax
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
    for n in range(0, scratch.origin.shape[0], LANES):
        store(scratch.origin, n, load(head.before, n) * stay + load(head.bookmark_before, n) * back)
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
            for n in range(0, d.origin.shape[0], LANES):
                store(dhead.before, n, load(dhead.before, n) + load(d.origin, n))
        return dplace, dbookmark_place
    anchor, danchor = scratch.anchor, d.anchor
    stay, back = anchor[0], anchor[1]
    if plan.position:
        danchor[0], danchor[1], danchor[2] = dplace * head.place, dplace * head.bookmark_place, like(dplace, 0.0)
        dbookmark_place += back * dplace
        dplace *= stay
    else:
        danchor[0], danchor[1], danchor[2] = (
            inner(d.origin, head.before),
            inner(d.origin, head.bookmark_before),
            d.origin[0],
        )
        for n in range(0, d.origin.shape[0], LANES):
            moved = load(d.origin, n)
            store(dhead.before, n, load(dhead.before, n) + moved * stay)
            store(dhead.bookmark, n, load(dhead.bookmark, n) + moved * back)
    mean = dot(anchor, danchor)
    for q in range(3):
        dhead.raw[plan.start.anchor + q] += anchor[q] * (danchor[q] - mean)
    return dplace, dbookmark_place


@routine
def set_bookmark(plan, head, now):
    """Store the weighting in head.bookmark, or return the place of the bookmark of a head at the place `now`."""
    if plan.anchored == 0:
        return head.bookmark_place
    share = sigmoid(head.raw[plan.start.store])
    if plan.position:
        return head.bookmark_place + share * (now - head.bookmark_place)
    for n in range(0, head.w.shape[0], LANES):
        before = load(head.bookmark_before, n)
        store(head.bookmark, n, before + (load(head.w, n) - before) * share)
    return head.bookmark_place


@routine
def set_bookmark_backward(plan, head, dhead, now):
    """Backward of `set_bookmark`: returns what it adds to the gradient of `now`, and that of the bookmark's place.

    Adds to dhead.raw and dhead.w; overwrites dhead.bookmark.
    """
    zero = like(now, 0.0)
    if plan.anchored == 0:
        return zero, dhead.bookmark_place
    share = sigmoid(head.raw[plan.start.store])
    rest = like(now, 1.0) - share
    if plan.position:
        dshare = dhead.bookmark_place * (now - head.bookmark_place)
        dhead.raw[plan.start.store] += dshare * share * rest
        return share * dhead.bookmark_place, rest * dhead.bookmark_place
    sums = spread(zero)
    for n in range(0, head.w.shape[0], LANES):
        dbookmark = load(dhead.bookmark, n)
        sums += dbookmark * (load(head.w, n) - load(head.bookmark_before, n))
        store(dhead.w, n, load(dhead.w, n) + dbookmark * share)
        store(dhead.bookmark, n, dbookmark * rest)
    dhead.raw[plan.start.store] += total(sums) * share * rest
    return zero, dhead.bookmark_place
