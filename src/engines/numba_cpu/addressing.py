"""Location-based addressing of one head of one sequence, forward and backward.

A convolution kernel is an array `taps`: taps[q] is its value at the offset `first + q`, in slots; it may be
shorter than the ring of slots. Arrays over the slots are padded: weightings with zeros, but for what `convolve`
gives, and gradients with any numbers. Mirrors `src.memory.addressing`; gradients are accumulated unless a
docstring says "sets".
"""

import math

from .content import EPS
from .lanes import LANES, choose, counting, load, spread, store, total, within
from .numerics import like, log
from .routine import exact, routine
from .vectors import inner, softmax_of_first
from .views import at, fill, span

#: A Gaussian kernel is truncated at 8 widths, where it has fallen to e^-32 = 1e-14 of its peak.
REACH = 8.0


@routine
def interpolate(w_content, w_before, gate, out):
    """out = g w_content + (1 - g) w_before, equation (7)."""
    for n in range(0, out.shape[0], LANES):
        before = load(w_before, n)
        store(out, n, before + (load(w_content, n) - before) * gate)


@routine
def repeat_twice(w, slots, out):
    """Two copies of a weighting in a row, then its padding, so that every rotation of the ring is a slice."""
    for n in range(0, w.shape[0], LANES):
        store(out, n, load(w, n))
    for n in range(0, w.shape[0], LANES):
        store(out, slots + n, load(w, n))


@routine
def place_on_ring(taps, first, slots, doubled, out):
    """Set out to the taps, padded with zeros, on the ring from slot `first` on; overwrites `doubled`."""
    zero = like(taps[0], 0.0)
    fill(doubled, zero)
    start = first % slots
    for q in range(0, taps.shape[0], LANES):
        store(doubled, start + q, load(taps, q))
    for n in range(0, out.shape[0], LANES):
        store(out, n, within(load(doubled, n) + load(doubled, slots + n), n, slots, zero))


@routine
def place_on_ring_backward(dout, first, slots, doubled, dtaps):
    """Backward of `place_on_ring`: sets dtaps, with any numbers behind; overwrites `doubled`."""
    repeat_twice(dout, slots, doubled)
    start = first % slots
    for q in range(0, dtaps.shape[0], LANES):
        store(dtaps, q, load(doubled, start + q))


@routine
def convolve(doubled, taps, first, scale, slots, out):
    """out[i] += scale sum_q taps[q] w[i - (first + q) mod N], equation (8)."""
    begin = (-first) % slots
    for n in range(0, out.shape[0], LANES):
        start, sums = begin, spread(like(scale, 0.0))
        for q in range(taps.shape[0]):
            sums += load(doubled, start + n) * taps[q]
            start = slots - 1 if start == 0 else start - 1
        store(out, n, load(out, n) + sums * scale)


@routine
def convolve_backward(doubled, taps, first, scale, slots, dout, ddoubled, dtaps, dw):
    """Backward of `convolve`: sets dtaps and adds to dw.

    `dout` is padded with zeros, and `ddoubled` is its `repeat_twice`. dtaps[q] is the gradient of
    scale * taps[q]: the caller multiplies by the scale.
    """
    start, width = (-first) % slots, dout.shape[0]
    for q in range(taps.shape[0]):
        dtaps[q] = inner(span(doubled, start, width), dout)
        start = slots - 1 if start == 0 else start - 1
    begin = first % slots
    for n in range(0, width, LANES):
        start, sums = begin, spread(like(scale, 0.0))
        for q in range(taps.shape[0]):
            sums += load(ddoubled, start + n) * taps[q]
            start = 0 if start == slots - 1 else start + 1
        store(dw, n, load(dw, n) + sums * scale)


@routine
def sharpen(w, gamma, slots, out):
    """out = w^gamma / sum w^gamma, equation (9), as softmax(gamma log max(w, EPS)); zeros behind."""
    least = like(gamma, EPS)
    for n in range(0, w.shape[0], LANES):
        value = load(w, n)
        store(out, n, log(choose(value, least, least, value)) * gamma)
    softmax_of_first(out, slots)


@routine
def sharpen_backward(w, gamma, out, dout, dw):
    """Backward of `sharpen`: sets dw, with zeros behind, and returns dgamma."""
    least, zero = like(gamma, EPS), like(gamma, 0.0)
    mean, sums = inner(out, dout), spread(zero)
    for n in range(0, w.shape[0], LANES):
        value = load(w, n)
        clamped, dz = choose(value, least, least, value), load(out, n) * (load(dout, n) - mean)
        sums += dz * log(clamped)
        store(dw, n, choose(value, least, zero, dz * gamma / clamped))
    return total(sums)


@exact
def on_ring(position, slots):
    """A position reduced to less than one turn of the ring."""
    if abs(position) < slots:
        return position
    return position % like(position, slots)


@routine
def window(position, sigma, slots, cauchy):
    """First offset and number of offsets of a kernel with the widths `sigma`; a Gaussian one is truncated."""
    widest = sigma[0]
    for k in range(sigma.shape[0]):
        widest = sigma[k] if sigma[k] > widest else widest
    position = on_ring(position, slots)
    if not abs(position) <= slots:  # not a number
        return 0, slots
    middle = math.floor(position + 0.5)
    if cauchy or not widest < slots:
        return middle - slots // 2, slots
    radius = math.ceil(REACH * widest) + 1
    if 2 * radius + 1 >= slots:
        return middle - slots // 2, slots
    return middle - radius, 2 * radius + 1


@routine
def with_padding(a, count):
    """View of the first `count` numbers of an array, rounded up to whole vectors."""
    return span(a, 0, (count + LANES - 1) // LANES * LANES)


@exact
def distances(first, position, slots):
    """Signed shortest distances on the ring from the position to LANES offsets from `first` on."""
    around = like(position, slots)
    half = around / like(position, 2.0)
    d = counting(like(position, first)) - position
    return choose(d, -half, d + around, choose(d, half, d, d - around))


@routine
def focus(position, first, count, sigma, mixture, slots, cauchy, kernels, taps):
    """Set taps to a Gaussian or, if `cauchy`, a Cauchy kernel; stores the kernel of each scale in `kernels`.

    Both are padded: there are zeros behind the `count` taps.
    """
    position = on_ring(position, slots)
    zero, one = like(position, 0.0), like(position, 1.0)
    fill(taps, zero)
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, taps.shape[0])
        if cauchy:
            scale, sums = one / (sigma[k] * sigma[k]), spread(zero)
            for q in range(0, taps.shape[0], LANES):
                d = distances(first + q, position, slots)
                tail = within(one / (d * d * scale + one), q, count, zero)
                store(kernel, q, tail)
                sums += tail
            scale = one / total(sums)
            for q in range(0, taps.shape[0], LANES):
                store(kernel, q, load(kernel, q) * scale)
        else:
            scale = like(position, -0.5) / (sigma[k] * sigma[k])
            for q in range(0, taps.shape[0], LANES):
                d = distances(first + q, position, slots)
                store(kernel, q, d * d * scale)
            softmax_of_first(kernel, count)
        for q in range(0, taps.shape[0], LANES):
            store(taps, q, load(taps, q) + load(kernel, q) * mixture[k])


@routine
def focus_backward(position, first, count, sigma, mixture, slots, cauchy, kernels, dtaps, dsigma, dmixture):
    """Backward of `focus`: sets dsigma and dmixture and returns dposition; overwrites what is behind the dtaps."""
    position = on_ring(position, slots)
    zero, two = like(position, 0.0), like(position, 2.0)
    dposition = zero
    fill(span(dtaps, count, dtaps.shape[0] - count), zero)
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, dtaps.shape[0])
        mean = inner(kernel, dtaps)
        dmixture[k] = mean
        square = sigma[k] * sigma[k]
        sums, squares = spread(zero), spread(zero)
        for q in range(0, dtaps.shape[0], LANES):
            d = distances(first + q, position, slots)
            dlogit = load(kernel, q) * (load(dtaps, q) - mean)
            if cauchy:
                dlogit = dlogit * two / (d * d + square)
            sums += dlogit * d
            squares += dlogit * d * d
        sum_d, sum_d2 = total(sums), total(squares)
        if cauchy:
            dposition += mixture[k] * sum_d
            dsigma[k] = mixture[k] * sum_d2 / sigma[k]
        else:
            dposition += mixture[k] * sum_d / square
            dsigma[k] = mixture[k] * sum_d2 / (square * sigma[k])
    return dposition
