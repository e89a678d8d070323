"""Inner product, maximum and softmax of vectors."""

from .numerics import exp, like
from .routine import routine


@routine
def dot(a, b):
    """The inner product of two vectors."""
    total = like(a[0], 0.0)
    for n in range(a.shape[0]):
        total += a[n] * b[n]
    return total


@routine
def largest(z):
    """The maximum, by eight partial maxima; a NaN is ignored here and propagates by the sum in `softmax`."""
    t0 = t1 = t2 = t3 = t4 = t5 = t6 = t7 = z[0]
    n = 0
    while n + 8 <= z.shape[0]:
        t0 = z[n] if z[n] > t0 else t0
        t1 = z[n + 1] if z[n + 1] > t1 else t1
        t2 = z[n + 2] if z[n + 2] > t2 else t2
        t3 = z[n + 3] if z[n + 3] > t3 else t3
        t4 = z[n + 4] if z[n + 4] > t4 else t4
        t5 = z[n + 5] if z[n + 5] > t5 else t5
        t6 = z[n + 6] if z[n + 6] > t6 else t6
        t7 = z[n + 7] if z[n + 7] > t7 else t7
        n += 8
    while n < z.shape[0]:
        t0 = z[n] if z[n] > t0 else t0
        n += 1
    return max(max(max(t0, t1), max(t2, t3)), max(max(t4, t5), max(t6, t7)))


@routine
def softmax(z):
    """Softmax, in place."""
    top = largest(z)
    total = like(top, 0.0)
    for n in range(z.shape[0]):
        z[n] = exp(z[n] - top)
        total += z[n]
    scale = like(top, 1.0) / total
    for n in range(z.shape[0]):
        z[n] *= scale
