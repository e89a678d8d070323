"""Location-based addressing, forward and backward: against `src.memory.addressing` and its gradients."""

import numpy as np
import pytest
import torch

from src.engines.numba_cpu import addressing as routines
from src.engines.numba_cpu import numerics
from src.engines.numba_cpu.addressing import distances
from src.engines.numba_cpu.lanes import LANES, store
from src.engines.numba_cpu.plan import padded
from src.engines.numba_cpu.routine import routine
from src.memory import addressing
from tests.engines.numba_cpu.from_python import all_of, from_python
from tests.engines.numba_cpu.memory_cases import wide

fused, fused_numerics = all_of(routines), all_of(numerics)

#: Tolerances of values and gradients for numbers of about 1.
TOLERANCES = {np.float64: (1e-12, 1e-10), np.float32: (2e-6, 1e-4)}
each_dtype = pytest.mark.parametrize("dtype", TOLERANCES)
each_slots = pytest.mark.parametrize("slots", [1, 3, 127, 128])
NAN, INF = float("nan"), float("inf")


def drawn(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).numpy().astype(dtype)


def focused(rng, dtype, *shape):
    return torch.randn(*shape, generator=rng).softmax(-1).numpy().astype(dtype)


def leaf(values):
    """An array or number as a float64 tensor of one sequence and one head that requires a gradient."""
    return torch.from_numpy(np.array(values, np.float64))[None, None].requires_grad_()


def gradients(value, leaves, dvalue):
    """Gradients as arrays; zeros where the value does not depend on a leaf."""
    found = torch.autograd.grad(value, leaves, leaf(dvalue).detach(), allow_unused=True)
    return [np.zeros(x.shape[2:]) if d is None else d[0, 0].numpy() for x, d in zip(leaves, found, strict=True)]


def near(got, expected, tolerance, note=""):
    """Assert equality up to rounding, relative to the largest number if that is above 1."""
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    assert np.shape(got) == expected.shape
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * size, err_msg=note)


def doubled(w):
    out = np.full(len(w) + padded(len(w)), NAN, w.dtype)
    fused.repeat_twice(wide(w), len(w), out)
    return out


def folded(taps, first, slots):
    """Taps summed onto the ring of slots."""
    ring = np.zeros(slots, taps.dtype)
    np.add.at(ring, (first + np.arange(len(taps))) % slots, taps)
    return ring


def kernel_of(position, sigma, mixture, slots, cauchy=0):
    """First offset, taps, and the kernel of each scale: Gaussian or, if cauchy, Cauchy."""
    first, count = fused.window(position, sigma, slots, cauchy)
    taps = np.full(padded(count), NAN, sigma.dtype)
    kernels = np.full((len(sigma), padded(2 * slots)), NAN, sigma.dtype)
    fused.focus(position, first, count, sigma, mixture, slots, cauchy, kernels, taps)
    assert np.isnan(taps).all() or not taps[count:].any()
    return first, taps[:count], kernels


def focus_backward(position, first, sigma, mixture, slots, cauchy, kernels, dtaps):
    """Gradients of the position, the widths and the mixture weights."""
    dsigma, dmixture = np.full_like(sigma, NAN), np.full_like(mixture, NAN)
    count, given = len(dtaps), wide(dtaps, rest=NAN)
    dposition = fused.focus_backward(
        position, first, count, sigma, mixture, slots, cauchy, kernels, given, dsigma, dmixture
    )
    return dposition, dsigma, dmixture


def convolved(w, taps, first, scale, before):
    """`before`, and what `convolve` adds to it."""
    out = wide(before)
    fused.convolve(doubled(w), taps, first, scale, len(w), out)
    return out[: len(w)]


def convolve_backward(w, taps, first, scale, dout, before):
    """Gradient of the taps, and `before` with the gradient of the weighting added."""
    dtaps, dw = np.full_like(taps, NAN), wide(before)
    fused.convolve_backward(doubled(w), taps, first, scale, len(w), wide(dout), doubled(dout), dtaps, dw)
    return dtaps, dw[: len(w)]


@each_dtype
@each_slots
def test_interpolate(slots, dtype, rng):
    w_content, w_before = focused(rng, dtype, slots), focused(rng, dtype, slots)
    for gate in (0.0, 0.3, 1.0):
        out = np.full(padded(slots), NAN, dtype)
        fused.interpolate(wide(w_content), wide(w_before), dtype(gate), out)
        expected = addressing.interpolate(leaf(w_content), leaf(w_before), leaf(dtype(gate)))
        near(out[:slots], expected[0, 0], TOLERANCES[dtype][0])
        assert not out[slots:].any()


@each_slots
def test_repeat_twice(slots, rng):
    w = drawn(rng, np.float64, slots)
    assert (doubled(w) == np.concatenate([w, wide(w)])).all()


@each_slots
@pytest.mark.parametrize("first", [-1000, -3, 0, 126, 10**9])
def test_taps_on_the_ring(first, slots, rng):
    """And the way back, for all numbers of taps up to the whole ring."""
    for count in {1, slots // 2 + 1, slots}:
        taps, dout = drawn(rng, np.float64, count), drawn(rng, np.float64, slots)
        scratch, out = np.full(slots + padded(slots), NAN), np.full(padded(slots), NAN)
        fused.place_on_ring(wide(taps), first, slots, scratch, out)
        assert (out == wide(folded(taps, first, slots))).all()
        scratch[:], dtaps = NAN, np.full(padded(count), NAN)
        fused.place_on_ring_backward(wide(dout), first, slots, scratch, dtaps)
        assert (dtaps[:count] == dout[(first + np.arange(count)) % slots]).all()


@each_dtype
@each_slots
@pytest.mark.parametrize("radius", [0, 1, 2, 4, 9, 200])
def test_convolve_with_the_shifts_of_an_ntm(radius, slots, dtype, rng):
    """The kernel may be longer than the ring."""
    value, slope = TOLERANCES[dtype]
    w, taps, scale = focused(rng, dtype, slots), focused(rng, dtype, 2 * radius + 1), dtype(0.7)
    leaves = leaf(w), leaf(scale * taps)
    expected = addressing.shift(*leaves)
    before = drawn(rng, dtype, slots)
    near(convolved(w, taps, -radius, scale, before), before + expected[0, 0].detach().numpy(), value)

    dout = drawn(rng, dtype, slots)
    dtaps, dw = convolve_backward(w, taps, -radius, scale, dout, before)
    true_dw, true_dtaps = gradients(expected, leaves, dout)
    near(dw, before + true_dw, slope)
    near(dtaps, true_dtaps, slope)


@each_slots
@pytest.mark.parametrize("first", [-1000, -3, 0, 126, 10**9])
@pytest.mark.parametrize("count", [1, 4, 300])
def test_convolve_with_taps_at_any_offset(count, first, slots, rng):
    w, taps = focused(rng, np.float64, slots), focused(rng, np.float64, count)
    leaves = leaf(w), leaf(folded(taps, first, slots))
    expected = addressing.convolve(*leaves)
    near(convolved(w, taps, first, 1.0, np.zeros(slots)), expected[0, 0], 1e-12)

    dout = drawn(rng, np.float64, slots)
    dtaps, dw = convolve_backward(w, taps, first, 1.0, dout, np.zeros(slots))
    true_dw, true_dring = gradients(expected, leaves, dout)
    near(dw, true_dw, 1e-10)
    near(dtaps, true_dring[(first + np.arange(count)) % slots], 1e-10)


@each_dtype
@each_slots
@pytest.mark.parametrize("gamma", [1.0, 1.7, 20.0, 1e3])
@pytest.mark.parametrize("kind", ["broad", "one slot", "below EPS", "EPS", "zero"])
def test_sharpen(kind, gamma, slots, dtype, rng):
    """Weights below EPS are clamped to EPS, and have no gradient."""
    value, slope = TOLERANCES[dtype]
    w = focused(rng, dtype, slots)
    if kind != "broad":
        just = dtype(addressing.EPS)
        just = just if float(just) >= addressing.EPS else np.nextafter(just, dtype(1.0))
        w[1:] = {"below EPS": 0.3 * just, "EPS": just}.get(kind, 0.0)
        w[0] = 1.0 - (slots - 1) * w[-1] if kind != "zero" else 0.0
    leaves = leaf(w), leaf(dtype(gamma))
    expected = addressing.sharpen(*leaves)
    dout, w = drawn(rng, dtype, slots), wide(w, rest=0.5)  # behind what is moved there may be any weights
    out, dw = np.full_like(w, NAN), np.full_like(w, NAN)
    fused.sharpen(w, dtype(gamma), slots, out)
    near(out[:slots], expected[0, 0], value * gamma)
    dgamma = fused.sharpen_backward(w, dtype(gamma), out, wide(dout, rest=1e3), dw)
    true_dw, true_dgamma = gradients(expected, leaves, dout)
    near(dw[:slots], true_dw, slope * gamma)
    assert not out[slots:].any()
    assert not dw[slots:].any()
    near(dgamma, true_dgamma, slope)


@each_dtype
def test_sharpening_propagates_nan(dtype):
    for n in range(9):
        w, out = wide(np.full(9, 1 / 9, dtype)), np.zeros(padded(9), dtype)
        w[n] = NAN
        fused.sharpen(w, dtype(2.0), 9, out)
        assert np.isnan(out[:9]).all()


def places(slots):
    """Positions on and between slots, at both ends of the ring and beyond."""
    near_by = [0.0, 0.3, 0.5, 2.5, -0.25, -0.5, -1.0, 0.999]
    wrap = [
        slots - 0.5,
        slots - 1e-9,
        float(slots),
        slots + 1e-9,
        -1e-9,
        slots / 2,
        slots / 2 - 1e-6,
        slots / 2 + 1e-6,
    ]
    far = [-3.75 * slots, -slots / 2, 7 * slots + 0.125, 1e6 + 0.25, -1e6 - 0.5, 1e8 + 0.5, -9e8 + 0.25]
    return near_by + wrap + far


WIDTHS = {
    "narrow": [0.1],
    "usual": [0.9],
    "broad": [40.0],
    "flat": [1e8],
    "two": [0.2, 3.0],
    "three": [0.15, 0.7, 60.0],
}


@each_slots
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(("cauchy", "function"), [(0, addressing.gaussian), (1, addressing.cauchy)])
def test_focus(cauchy, function, widths, slots, rng):
    sigma = np.array(WIDTHS[widths])
    mixture = focused(rng, np.float64, len(sigma)) if len(sigma) > 1 else np.ones(1)
    for position in places(slots):
        leaves = leaf(position), leaf(sigma), leaf(mixture)
        expected = function(*leaves, slots)
        first, taps, kernels = kernel_of(position, sigma, mixture, slots, cauchy)
        assert len(taps) <= slots
        near(folded(taps, first, slots), expected[0, 0], 1e-12, f"at {position}")
        for k, kernel in enumerate(kernels):  # stored for the backward
            alone = function(leaf(position), leaf(sigma[[k]]), leaf([1.0]), slots)
            near(folded(kernel[: len(taps)], first, slots), alone[0, 0], 1e-12, f"scale {k} at {position}")

        dring = drawn(rng, np.float64, slots)
        dtaps = dring[(first + np.arange(len(taps))) % slots]
        dposition, dsigma, dmixture = focus_backward(
            position, first, sigma, mixture, slots, cauchy, kernels, dtaps
        )
        true_dposition, true_dsigma, true_dmixture = gradients(expected, leaves, dring)
        near(dposition, true_dposition, 1e-10, f"at {position}")
        near(dsigma, true_dsigma, 1e-10, f"at {position}")
        if len(sigma) > 1:  # a single scale has a constant mixture weight, without a gradient
            near(dmixture, true_dmixture, 1e-10, f"at {position}")


@each_dtype
@each_slots
@pytest.mark.parametrize("sigma", [1e-6, 1e-3, 0.05])
def test_a_tiny_gaussian(sigma, slots, dtype, rng):
    """One slot, or two for a position half way between; all positions are exact binary fractions."""
    value, slope = TOLERANCES[dtype]
    sigma, mixture = np.array([sigma], dtype), np.ones(1, dtype)
    for position in (0.0, 0.5, -0.5, 2.25, slots / 2, slots - 0.5, slots - 0.375, -5.5, 7 * slots + 1.5, 4096.5):
        leaves = leaf(position), leaf(sigma)
        expected = addressing.gaussian(*leaves, leaf(mixture), slots)
        first, taps, kernels = kernel_of(dtype(position), sigma, mixture, slots)
        near(folded(taps, first, slots), expected[0, 0], value, f"at {position}")
        dring = drawn(rng, dtype, slots)
        dtaps = dring[(first + np.arange(len(taps))) % slots]
        dposition, dsigma, _ = focus_backward(dtype(position), first, sigma, mixture, slots, 0, kernels, dtaps)
        true_dposition, true_dsigma = gradients(expected, leaves, dring)
        # The gradients are sums of terms as large as 1 / sigma^2 and 1 / sigma^3.
        square = sigma.astype(np.float64) ** 2
        near(dposition * square, true_dposition * square, slope, f"at {position}")
        near(dsigma * square * sigma, true_dsigma * square * sigma, slope, f"at {position}")


@pytest.mark.parametrize("sigma", np.geomspace(0.1, 40.0, 25))
def test_the_window_contains_the_kernel_and_is_no_wider(sigma, rng):
    """For the widest of several scales."""
    slots = 128
    for position in (*(200 * torch.randn(20, generator=rng).numpy().astype(np.float64)), 63.5, 64.0, -0.5):
        for sigmas in ([sigma], [0.1, sigma], [sigma, 0.1]):
            mixture = np.full(len(sigmas), 1 / len(sigmas))
            expected = addressing.gaussian(leaf(position), leaf(sigmas), leaf(mixture), slots)[0, 0].detach()
            first, taps, _ = kernel_of(position, np.array(sigmas), mixture, slots)
            np.testing.assert_allclose(folded(taps, first, slots), expected, rtol=0, atol=1e-12)
            assert len(taps) == min(slots, 2 * np.ceil(8 * sigma) + 3)


@each_dtype
def test_the_window_of_a_non_finite_kernel_is_the_ring(dtype):
    """NaN propagates, and all indices stay in bounds."""
    for position, sigma in ((NAN, 1.0), (INF, 1.0), (-INF, 1.0), (3.5, NAN), (3.5, INF), (NAN, NAN)):
        sigma, mixture = np.array([sigma], dtype), np.ones(1, dtype)
        first, taps, _ = kernel_of(dtype(position), sigma, mixture, 20)
        assert len(taps) == 20
        assert abs(first) <= 20
        if sigma[0] == INF:
            np.testing.assert_allclose(taps, 1 / 20, rtol=1e-6)
        else:
            assert np.isnan(taps).all()


@pytest.mark.parametrize("position", [1e9 + 0.25, -1e12 - 0.5])
def test_a_large_position_is_reduced_to_the_ring(position):
    sigma, mixture = np.array([1.5]), np.ones(1)
    first, taps, _ = kernel_of(np.float64(position), sigma, mixture, 128)
    expected = addressing.gaussian(leaf(np.float64(position)), leaf(sigma), leaf(mixture), 128)[0, 0]
    near(folded(taps, first, 128), expected, TOLERANCES[np.float64][0])


@pytest.mark.parametrize("position", [1e30, -1e30, 2.0**25 + 4])
def test_a_position_beyond_the_precision_of_float32_is_valid(position):
    """The weighting is on the slot of the rounded float32 number."""
    first, taps, _ = kernel_of(np.float32(position), np.array([0.5], np.float32), np.ones(1, np.float32), 128)
    w = folded(taps, first, 128)
    assert w.sum() == pytest.approx(1.0, abs=1e-6)
    assert w.argmax() == int(np.float32(position)) % 128


@each_slots
def test_distance(slots):
    """Signed shortest distance: -N/2 <= d < N/2."""

    @from_python
    @routine
    def fill_with_distances(position, slots, out):
        for n in range(0, out.shape[0], LANES):
            store(out, n, distances(n, position, slots))

    for position in (0.0, 0.25, -0.5, slots / 2, slots - 0.5):
        expected = addressing.ring_offset(torch.tensor([[position]], dtype=torch.float64), slots)[0, 0]
        out = np.full(padded(slots), NAN)
        fill_with_distances(position, slots, out)
        assert (out[:slots] == expected.numpy()).all()


@each_dtype
@each_slots
@pytest.mark.parametrize("widths", ["usual", "broad", "two"])
def test_gaussian_convolution(widths, slots, dtype, rng):
    """Kernel and convolution together, as in a head, with the gradient through both."""
    value, slope = TOLERANCES[dtype]
    w, sigma = focused(rng, dtype, slots), np.array(WIDTHS[widths], dtype)
    mixture = focused(rng, dtype, len(sigma)) if len(sigma) > 1 else np.ones(1, dtype)
    for position in (0.5, -1.75, slots - 0.25, 3.0 * slots, -40.125):
        leaves = leaf(w), leaf(dtype(position)), leaf(sigma)
        expected = addressing.convolve(leaves[0], addressing.gaussian(*leaves[1:], leaf(mixture), slots))
        first, taps, kernels = kernel_of(dtype(position), sigma, mixture, slots)
        out = convolved(w, taps, first, dtype(1.0), np.zeros(slots, dtype))
        near(out, expected[0, 0], value, f"at {position}")

        dout = drawn(rng, dtype, slots)
        dtaps, dw = convolve_backward(w, taps, first, dtype(1.0), dout, np.zeros(slots, dtype))
        dposition, dsigma, _ = focus_backward(dtype(position), first, sigma, mixture, slots, 0, kernels, dtaps)
        for got, true in zip((dw, dposition, dsigma), gradients(expected, leaves, dout), strict=True):
            near(got, true, slope, f"at {position}")


@each_dtype
@each_slots
def test_the_window_of_a_heavy_tail_is_the_ring(slots, dtype):
    first, taps, _ = kernel_of(dtype(2.25), np.array([0.1], dtype), np.ones(1, dtype), slots, cauchy=1)
    assert sorted((first + np.arange(len(taps))) % slots) == list(range(slots))


@each_dtype
@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_snap(strength, dtype):
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    for position in (0.0, 0.2, 0.5, -1.3, 7.0, 40.75):
        x = leaf(dtype(position))
        expected = addressing.snap(x, strength)
        np.testing.assert_allclose(
            fused_numerics.snap(dtype(position), dtype(strength)), expected.item(), rtol=tolerance, atol=tolerance
        )
        slope = gradients(expected, [x], 1.0)[0]
        np.testing.assert_allclose(
            fused_numerics.snap_slope(dtype(position), dtype(strength)), slope, atol=100 * tolerance
        )
