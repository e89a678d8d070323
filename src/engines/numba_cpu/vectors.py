"""Inner product and softmax of arrays; those over the slots are padded, and are taken LANES numbers at a time."""

from .lanes import LANES, choose, largest_of, load, spread, store, total, within
from .numerics import exp, like
from .routine import routine


@routine
def dot(a, b):
    """The inner product of two vectors."""
    result = like(a[0], 0.0)
    for n in range(a.shape[0]):
        result += a[n] * b[n]
    return result


@routine
def softmax(z):
    """Softmax, in place; a NaN is ignored in the maximum and propagates by the sum."""
    top, sums = z[0], like(z[0], 0.0)
    for n in range(z.shape[0]):
        top = z[n] if z[n] > top else top
    for n in range(z.shape[0]):
        z[n] = exp(z[n] - top)
        sums += z[n]
    scale = like(top, 1.0) / sums
    for n in range(z.shape[0]):
        z[n] *= scale


@routine
def inner(a, b):
    """The inner product of two padded arrays; behind the numbers, one of them has zeros."""
    sums = spread(like(a[0], 0.0))
    for n in range(0, a.shape[0], LANES):
        sums += load(a, n) * load(b, n)
    return total(sums)


@routine
def softmax_of_first(z, count):
    """Softmax of the first numbers of a padded array, in place; sets zeros behind them.

    A NaN is ignored in the maximum and propagates by the sum.
    """
    zero, one = like(z[0], 0.0), like(z[0], 1.0)
    tops = spread(z[0])
    for n in range(0, z.shape[0], LANES):
        v = within(load(z, n), n, count, z[0])
        tops = choose(tops, v, v, tops)
    top, sums = largest_of(tops), spread(zero)
    for n in range(0, z.shape[0], LANES):
        v = within(exp(load(z, n) - top), n, count, zero)
        store(z, n, v)
        sums += v
    scale = one / total(sums)
    for n in range(0, z.shape[0], LANES):
        store(z, n, load(z, n) * scale)
