"""Location-based addressing of one head of one sequence, forward and backward.

A convolution kernel is an array `taps`: taps[q] is its value at the offset `first + q`, in slots; it may be
shorter than the ring of slots. Mirrors `src.memory.addressing`; gradients are accumulated unless a docstring says
"sets".
"""

import math

from .content import EPS
from .numerics import like, log
from .routine import exact, routine
from .vectors import dot, softmax
from .views import at, fill, span

#: A Gaussian kernel is truncated at 8 widths, where it has fallen to e^-32 = 1e-14 of its peak.
REACH = 8.0


@routine
def interpolate(w_content, w_before, gate, out):
    """out = g w_content + (1 - g) w_before, equation (7)."""
    for n in range(out.shape[0]):
        out[n] = w_before[n] + gate * (w_content[n] - w_before[n])


@routine
def repeat_twice(w, out):
    """Two copies of a weighting in a row, so that every rotation of the ring is a slice."""
    slots = w.shape[0]
    for n in range(slots):
        out[n] = w[n]
    second = span(out, slots, slots)
    for n in range(slots):
        second[n] = w[n]


@routine
def convolve(doubled, taps, first, scale, out):
    """out[i] += scale sum_q taps[q] w[i - (first + q) mod N], equation (8)."""
    slots = out.shape[0]
    for q in range(taps.shape[0]):
        start = (-(first + q)) % slots
        rotated, tap = span(doubled, start, slots), scale * taps[q]
        for i in range(slots):
            out[i] += tap * rotated[i]


@routine
def convolve_backward(doubled, taps, first, scale, dout, dtaps, dw):
    """Backward of `convolve`: sets dtaps and adds to dw; `dout` is given as by `repeat_twice`.

    dtaps[q] is the gradient of scale * taps[q]: the caller multiplies by the scale.
    """
    slots = dw.shape[0]
    for q in range(taps.shape[0]):
        start = (-(first + q)) % slots
        dtaps[q] = dot(span(doubled, start, slots), span(dout, 0, slots))
        back = (first + q) % slots
        rotated, tap = span(dout, back, slots), scale * taps[q]
        for i in range(slots):
            dw[i] += tap * rotated[i]


@routine
def sharpen(w, gamma, out):
    """out = w^gamma / sum w^gamma, equation (9), as softmax(gamma log max(w, EPS))."""
    least = like(gamma, EPS)
    for n in range(w.shape[0]):
        out[n] = gamma * log(least if w[n] < least else w[n])
    softmax(out)


@routine
def sharpen_backward(w, gamma, out, dout, dw):
    """Backward of `sharpen`: sets dw and returns dgamma."""
    least = like(gamma, EPS)
    mean = dot(out, dout)
    dgamma = like(gamma, 0.0)
    for n in range(w.shape[0]):
        dz = out[n] * (dout[n] - mean)
        value = least if w[n] < least else w[n]
        dgamma += dz * log(value)
        dw[n] = like(gamma, 0.0) if w[n] < least else gamma * dz / value
    return dgamma


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
def distance(offset, position, slots):
    """Signed shortest distance on the ring from the position to an offset."""
    d = like(position, offset) - position
    half = like(position, slots) / like(position, 2.0)
    if d < -half:
        d += like(position, slots)
    elif d >= half:
        d -= like(position, slots)
    return d


@routine
def focus(position, first, sigma, mixture, slots, cauchy, kernels, taps):
    """Set taps to a Gaussian or, if `cauchy`, a Cauchy kernel; stores the kernel of each scale in `kernels`."""
    position = on_ring(position, slots)
    fill(taps, like(position, 0.0))
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, taps.shape[0])
        if cauchy:
            one, total = like(position, 1.0), like(position, 0.0)
            scale = one / (sigma[k] * sigma[k])
            for q in range(taps.shape[0]):
                d = distance(first + q, position, slots)
                kernel[q] = one / (one + scale * d * d)
                total += kernel[q]
            scale = one / total
            for q in range(taps.shape[0]):
                kernel[q] *= scale
        else:
            scale = like(position, -0.5) / (sigma[k] * sigma[k])
            for q in range(taps.shape[0]):
                d = distance(first + q, position, slots)
                kernel[q] = scale * d * d
            softmax(kernel)
        for q in range(taps.shape[0]):
            taps[q] += mixture[k] * kernel[q]


@routine
def focus_backward(position, first, sigma, mixture, slots, cauchy, kernels, dtaps, dsigma, dmixture):
    """Backward of `focus`: sets dsigma and dmixture and returns dposition."""
    position, dposition = on_ring(position, slots), like(position, 0.0)
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, dtaps.shape[0])
        mean = dot(kernel, dtaps)
        dmixture[k] = mean
        square = sigma[k] * sigma[k]
        sum_d, sum_d2 = like(position, 0.0), like(position, 0.0)
        if cauchy:
            two = like(position, 2.0)
            for q in range(dtaps.shape[0]):
                d = distance(first + q, position, slots)
                dlogit = two * kernel[q] * (dtaps[q] - mean) / (square + d * d)
                sum_d += dlogit * d
                sum_d2 += dlogit * d * d
            dposition += mixture[k] * sum_d
            dsigma[k] = mixture[k] * sum_d2 / sigma[k]
        else:
            for q in range(dtaps.shape[0]):
                d = distance(first + q, position, slots)
                dlogit = kernel[q] * (dtaps[q] - mean)
                sum_d += dlogit * d
                sum_d2 += dlogit * d * d
            dposition += mixture[k] * sum_d / square
            dsigma[k] = mixture[k] * sum_d2 / (square * sigma[k])
    return dposition
