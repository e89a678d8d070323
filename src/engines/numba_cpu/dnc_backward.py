"""Backward kernel of a DNC: one step of the memory, for all sequences of a batch."""

import numpy as np
from jaxtyping import Float
from numba import njit

from . import denormals
from .dnc_bundles import DNCPlan, Memory, StepTape
from .dnc_content import content_backward
from .dnc_forward import read_modes, retention, sigmoids
from .numerics import like, sigmoid, softplus, softplus_slope
from .routine import KERNEL, routine
from .vectors import dot
from .views import at, fill, keep_alive, span, uncounted


@routine
def read_backward(memory, w, dread, dw, dmemory):
    """Backward of a read: adds to dw and dmemory."""
    for n in range(w.shape[0]):
        word, dword = at(memory, n), at(dmemory, n)
        dw[n] += dot(dread, word)
        for m in range(dread.shape[0]):
            dword[m] += w[n] * dread[m]


@routine
def modes_backward(raw, b, c, f, dw, draw):
    """Backward of the read modes of a head: sets draw."""
    pi_b, pi_c, pi_f = read_modes(raw)
    db, dc, df = dot(b, dw), dot(c, dw), dot(f, dw)
    mean = pi_b * db + pi_c * dc + pi_f * df
    draw[0], draw[1], draw[2] = pi_b * (db - mean), pi_c * (dc - mean), pi_f * (df - mean)


@routine
def follow_backward(links, w_read, pi_b, pi_f, dw, dlinks, dw_read):
    """Backward of both weightings along the links, from the gradient dw of their mixture; adds to both results."""
    for i in range(w_read.shape[0]):
        row, drow, w_i, d_i = at(links, i), at(dlinks, i), w_read[i], pi_f * dw[i]
        scaled = pi_b * w_i
        for j in range(w_read.shape[0]):
            drow[j] += scaled * dw[j] + d_i * w_read[j]
            dw_read[j] += d_i * row[j]
        dw_read[i] += pi_b * dot(row, dw)


@routine
def link_backward(before, w, p, dafter, dw, dp, dbefore):
    """Backward of `dnc_forward.link`: adds to dw and dp, sets dbefore, and clears the diagonal of dafter."""
    one, zero = like(w[0], 1.0), like(w[0], 0.0)
    for i in range(w.shape[0]):
        old, new, drow, w_i = at(before, i), at(dbefore, i), at(dafter, i), w[i]
        drow[i] = zero
        kept = one - w_i
        for j in range(w.shape[0]):
            dw[j] -= drow[j] * old[j]
            dp[j] += drow[j] * w_i
            new[j] = (kept - w[j]) * drow[j]
        dw[i] += dot(drow, p) - dot(drow, old)


@routine
def write_backward(before, w, erase, add, dafter, dw, derase, dadd, dbefore):
    """Backward of `dnc_forward.write`: adds to dw, sets the others."""
    zero = like(w[0], 0.0)
    fill(derase, zero)
    fill(dadd, zero)
    for n in range(w.shape[0]):
        old, d, new, w_n = at(before, n), at(dafter, n), at(dbefore, n), w[n]
        total = zero
        for m in range(add.shape[0]):
            share, kept = d[m] * w_n, old[m] * erase[m]
            dadd[m] += share
            derase[m] -= share * old[m]
            total += d[m] * (add[m] - kept)
            new[m] = d[m] - share * erase[m]
        dw[n] += total


@routine
def allocate_backward(usage, order, products, da, dusage):
    """Backward of `dnc_forward.allocate`: adds to dusage; sets `products`.

    `products` has for each slot the product of the usages that come before it.
    """
    one, slots = like(usage[0], 1.0), usage.shape[0]
    product = one
    for j in range(slots):
        n = order[j]
        products[n] = product
        product *= usage[n]
    later = like(usage[0], 0.0)  # gradient of the product up to and with the slot
    for j in range(slots - 1, -1, -1):
        n = order[j]
        dusage[n] += products[n] * (later - da[n])
        later = (one - usage[n]) * da[n] + usage[n] * later


@routine
def retention_backward(free, w_read, dpsi, dfree, dw_read, others):
    """Backward of `dnc_forward.retention`: sets dfree, adds to dw_read."""
    one = like(dpsi[0], 1.0)
    for r in range(w_read.shape[0]):
        fill(others, one)
        for s in range(w_read.shape[0]):
            if s != r:
                gate, w = sigmoid(free[s]), at(w_read, s)
                for n in range(others.shape[0]):
                    others[n] *= one - gate * w[n]
        gate, w, dw = sigmoid(free[r]), at(w_read, r), at(dw_read, r)
        total = like(dpsi[0], 0.0)
        for n in range(others.shape[0]):
            d = dpsi[n] * others[n]
            total -= d * w[n]
            dw[n] -= d * gate
        dfree[r] = total * gate * (one - gate)


@njit(**KERNEL)
def backward(
    plan: DNCPlan,
    before: Memory,
    after: Memory,
    tape: StepTape,
    dafter: Memory,
    dbefore: Memory,
    draw: Float[np.ndarray, "B P"],
) -> None:
    """Backward of `dnc_forward.forward`.

    Args:
        plan, before, after, tape: as for the forward, which has filled them.
        dafter: gradients of the state after the step, overwritten.
        dbefore: those of the state before the step, set, without its reads.
        draw: that of the raw numbers, set.
    """
    flushed = denormals.flush()
    before, after, tape = uncounted(before), uncounted(after), uncounted(tape)
    dafter, dbefore, draws = uncounted(dafter), uncounted(dbefore), uncounted(draw)
    slots, words, reads = plan.slots, plan.words, plan.reads
    owned, owned_erase = np.empty((4, slots), draw.dtype), np.empty(words, draw.dtype)
    scratch, erase = uncounted(owned), uncounted(owned_erase)
    psi, dc, da, products = at(scratch, 0), at(scratch, 1), at(scratch, 2), at(scratch, 3)
    zero, one = like(psi[0], 0.0), like(psi[0], 1.0)
    for row in range(tape.raw.shape[0]):
        raw, draw_row = at(tape.raw, row), at(draws, row)
        memory, links, w = at(after.memory, row), at(after.links, row), at(after.w_write, row)
        dmemory, dlinks, dw = at(dafter.memory, row), at(dafter.links, row), at(dafter.w_write, row)
        w_read_before, dw_read_before = at(before.w_read, row), at(dbefore.w_read, row)

        for r in range(reads):
            w_read, dw_read = at(at(after.w_read, row), r), at(at(dafter.w_read, row), r)
            b, f = at(at(at(tape.linked, row), r), 0), at(at(at(tape.linked, row), r), 1)
            c, modes = at(at(tape.by_content, row), r), span(raw, plan.modes + 3 * r, 3)
            read_backward(memory, w_read, at(at(dafter.reads, row), r), dw_read, dmemory)
            modes_backward(modes, b, c, f, dw_read, span(draw_row, plan.modes + 3 * r, 3))
            pi_b, pi_c, pi_f = read_modes(modes)
            for n in range(slots):
                dc[n] = pi_c * dw_read[n]
            beta = raw[plan.beta + r]
            key, dkey = span(raw, r * words, words), span(draw_row, r * words, words)
            dbeta = content_backward(memory, key, one + softplus(beta), c, dc, dkey, dmemory)
            draw_row[plan.beta + r] = dbeta * softplus_slope(beta)
            fill(at(dw_read_before, r), zero)
            follow_backward(links, at(w_read_before, r), pi_b, pi_f, dw_read, dlinks, at(dw_read_before, r))

        p, dp_after, dp = at(before.precedence, row), at(dafter.precedence, row), at(dbefore.precedence, row)
        along, total = dot(dp_after, p), zero
        for n in range(slots):
            total += w[n]
        for n in range(slots):
            dp[n] = (one - total) * dp_after[n]
            dw[n] += dp_after[n] - along
        link_backward(at(before.links, row), w, p, dlinks, dw, dp, at(dbefore.links, row))
        derase, dadd = span(draw_row, plan.erase, words), span(draw_row, plan.add, words)
        sigmoids(span(raw, plan.erase, words), erase)
        write_backward(
            at(before.memory, row),
            w,
            erase,
            span(raw, plan.add, words),
            dmemory,
            dw,
            derase,
            dadd,
            at(dbefore.memory, row),
        )
        for m in range(words):
            derase[m] *= erase[m] * (one - erase[m])

        usage, order, dusage = at(after.usage, row), at(tape.order, row), at(dafter.usage, row)
        c, ga, gw = at(at(tape.by_content, row), reads), raw[plan.allocation], raw[plan.allocation + 1]
        ga, gw = sigmoid(ga), sigmoid(gw)
        for n in range(slots):
            dc[n] = gw * (one - ga) * dw[n]
            da[n] = gw * ga * dw[n]
        allocate_backward(usage, order, products, da, dusage)
        dga, dgw = zero, zero
        for n in range(slots):
            more = products[n] * (one - usage[n]) - c[n]
            dga += dw[n] * more
            dgw += dw[n] * (c[n] + ga * more)
        draw_row[plan.allocation] = gw * dga * ga * (one - ga)
        draw_row[plan.allocation + 1] = dgw * gw * (one - gw)
        beta = raw[plan.beta + reads]
        key, dkey = span(raw, reads * words, words), span(draw_row, reads * words, words)
        dbeta = content_backward(
            at(before.memory, row), key, one + softplus(beta), c, dc, dkey, at(dbefore.memory, row)
        )
        draw_row[plan.beta + reads] = dbeta * softplus_slope(beta)

        free, u, w_before = span(raw, plan.free, reads), at(before.usage, row), at(before.w_write, row)
        du, dw_before, dpsi = at(dbefore.usage, row), at(dbefore.w_write, row), da
        retention(free, w_read_before, psi)
        for n in range(slots):
            kept = dusage[n] * psi[n]
            dpsi[n] = dusage[n] * (u[n] + w_before[n] - u[n] * w_before[n])
            du[n] = kept * (one - w_before[n])
            dw_before[n] = kept * (one - u[n])
        retention_backward(free, w_read_before, dpsi, span(draw_row, plan.free, reads), dw_read_before, dc)
    keep_alive(owned)
    keep_alive(owned_erase)
    denormals.restore(flushed)
