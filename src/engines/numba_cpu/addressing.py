"""Moving a weighting over the ring of slots: forward and backward, on one head of one sequence.

A kernel is a run of `taps`: taps[q] is its value at the offset `first + q`, in slots; it may be far shorter
than the ring. Mirrors `src.memory.addressing`; gradients are added to unless a text says otherwise.
"""

import math

from src.engines.numba_cpu.content import EPS
from src.engines.numba_cpu.numerics import like, log
from src.engines.numba_cpu.routine import exact, routine
from src.engines.numba_cpu.vectors import dot, softmax
from src.engines.numba_cpu.views import at, fill, span

#: A Gaussian kernel is cut where it has fallen to e^-32, 1e-14, of its peak: at 8 widths.
REACH = 8.0


@routine
def interpolate(w_content, w_before, gate, out):
    """out = g w_content + (1 - g) w_before, equation (7)."""
    for n in range(out.shape[0]):
        out[n] = w_before[n] + gate * (w_content[n] - w_before[n])


@routine
def repeat_twice(w, out):
    """The ring laid out two times, so that every rotation of it is a slice."""
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
        turned, tap = span(doubled, start, slots), scale * taps[q]
        for i in range(slots):
            out[i] += tap * turned[i]


@routine
def convolve_backward(doubled, taps, first, scale, dout, dtaps, dw):
    """Backward of `convolve`: `dout` is laid out twice; sets dtaps and adds to dw.

    dtaps[q] is the gradient of scale * taps[q]: the scale is left to the caller.
    """
    slots = dw.shape[0]
    for q in range(taps.shape[0]):
        start = (-(first + q)) % slots
        dtaps[q] = dot(span(doubled, start, slots), span(dout, 0, slots))
        back = (first + q) % slots
        turned, tap = span(dout, back, slots), scale * taps[q]
        for i in range(slots):
            dw[i] += tap * turned[i]


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
    """A position of any size, less than one turn of the ring from slot 0."""
    if abs(position) < slots:
        return position
    return position % like(position, slots)


@routine
def window(position, sigma, slots):
    """The run of offsets that a Gaussian of the widths `sigma` reaches: first, count."""
    widest = sigma[0]
    for k in range(sigma.shape[0]):
        widest = sigma[k] if sigma[k] > widest else widest
    position = on_ring(position, slots)
    if not abs(position) <= slots:  # not a number
        return 0, slots
    middle = math.floor(position + 0.5)
    if not widest < slots:
        return middle - slots // 2, slots
    radius = math.ceil(REACH * widest) + 1
    if 2 * radius + 1 >= slots:
        return middle - slots // 2, slots
    return middle - radius, 2 * radius + 1


@routine
def distance(offset, position, slots):
    """From the position to an offset, the short way round the ring."""
    d = like(position, offset) - position
    half = like(position, slots) / like(position, 2.0)
    if d < -half:
        d += like(position, slots)
    elif d >= half:
        d -= like(position, slots)
    return d


@routine
def gaussian(position, first, sigma, mixture, slots, kernels, taps):
    """taps = sum_k m_k softmax_j(-d(j, x)^2 / (2 sigma_k^2)); leaves each scale's kernel in `kernels`."""
    position = on_ring(position, slots)
    fill(taps, like(position, 0.0))
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, taps.shape[0])
        scale = like(position, -0.5) / (sigma[k] * sigma[k])
        for q in range(taps.shape[0]):
            d = distance(first + q, position, slots)
            kernel[q] = scale * d * d
        softmax(kernel)
        for q in range(taps.shape[0]):
            taps[q] += mixture[k] * kernel[q]


@routine
def gaussian_backward(position, first, sigma, mixture, slots, kernels, dtaps, dsigma, dmixture):
    """Backward of `gaussian`: sets dsigma and dmixture and returns dposition."""
    position, dposition = on_ring(position, slots), like(position, 0.0)
    for k in range(sigma.shape[0]):
        kernel = span(at(kernels, k), 0, dtaps.shape[0])
        mean = dot(kernel, dtaps)
        dmixture[k] = mean
        square = sigma[k] * sigma[k]
        pushed, widened = like(position, 0.0), like(position, 0.0)
        for q in range(dtaps.shape[0]):
            d = distance(first + q, position, slots)
            dlogit = kernel[q] * (dtaps[q] - mean)
            pushed += dlogit * d
            widened += dlogit * d * d
        dposition += mixture[k] * pushed / square
        dsigma[k] = mixture[k] * widened / (square * sigma[k])
    return dposition
