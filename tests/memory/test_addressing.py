"""Addressing: each equation against naive loops, at its limits, and its gradients."""

import math

import pytest
import torch
from torch.autograd import gradcheck

from src.memory import addressing
from tests import naive

B, H, M, K = 2, 3, 4, 5
SIZES = [1, 2, 6, 7]


def normal(rng, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=rng, dtype=dtype)


def uniform(rng, *shape, dtype=torch.float64):
    return torch.rand(*shape, generator=rng, dtype=dtype)


def weighting(rng, *shape, dtype=torch.float64):
    return normal(rng, *shape, dtype=dtype).softmax(-1)


def by_head(function, *tensors):
    """A naive function applied to each head of each sequence."""
    rows, heads = tensors[-1].shape[:2]
    return torch.tensor(
        [[function(*(t[b][h].tolist() for t in tensors)) for h in range(heads)] for b in range(rows)],
        dtype=torch.float64,
    )


def check(function, *tensors):
    """Gradients against finite differences."""
    assert gradcheck(function, tuple(t.clone().requires_grad_() for t in tensors))


def is_weighting(w, tolerance=1e-6):
    return bool((w >= 0).all()) and torch.allclose(w.sum(-1), torch.ones_like(w.sum(-1)), atol=tolerance)


@pytest.mark.parametrize("slots", SIZES)
def test_content(rng, slots):
    memory, key, beta = normal(rng, B, slots, M), normal(rng, B, H, M), 3 * uniform(rng, B, H)
    w = addressing.content(memory, key, beta)
    same = memory[:, None].expand(B, H, slots, M)
    torch.testing.assert_close(w, by_head(naive.content, same, key, beta))
    cosine = torch.cosine_similarity(key[:, :, None], memory[:, None], dim=3)
    torch.testing.assert_close(w, (beta[..., None] * cosine).softmax(-1))
    assert is_weighting(w)
    check(addressing.content, memory, key, beta)


def test_content_ignores_the_norm_and_a_large_beta_selects_one_slot(rng):
    memory, beta = normal(rng, B, 7, M), torch.full((B, H), 1e5, dtype=torch.float64)
    key = 1e-3 * memory[:, [4, 0, 6]]
    w = addressing.content(memory, key, beta)
    torch.testing.assert_close(w, torch.eye(7, dtype=torch.float64)[[4, 0, 6]].expand(B, H, 7))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("memory_size", "key_size"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1e-6, 1.0)])
def test_content_of_zero_vectors(rng, dtype, memory_size, key_size):
    memory = torch.full((B, 6, M), memory_size, dtype=dtype, requires_grad=True)
    key = (key_size * normal(rng, B, H, M, dtype=dtype)).requires_grad_()
    beta = torch.full((B, H), 20.0, dtype=dtype, requires_grad=True)
    w = addressing.content(memory, key, beta)
    torch.testing.assert_close(w, torch.full_like(w, 1 / 6))
    gradients = torch.autograd.grad((w * normal(rng, 6, dtype=dtype)).sum(), [memory, key, beta])
    assert all(g.isfinite().all() for g in gradients)


def test_interpolate(rng):
    w_content, w_before, gate = weighting(rng, B, H, 7), weighting(rng, B, H, 7), uniform(rng, B, H)
    w = addressing.interpolate(w_content, w_before, gate)
    torch.testing.assert_close(w, by_head(naive.interpolate, w_content, w_before, gate))
    assert is_weighting(w)
    check(addressing.interpolate, w_content, w_before, gate)
    torch.testing.assert_close(addressing.interpolate(w_content, w_before, torch.ones_like(gate)), w_content)
    torch.testing.assert_close(addressing.interpolate(w_content, w_before, torch.zeros_like(gate)), w_before)


@pytest.mark.parametrize("radius", [0, 1, 2, 4, 9])
@pytest.mark.parametrize("slots", SIZES)
def test_shift(rng, slots, radius):
    w, s = weighting(rng, B, H, slots), weighting(rng, B, H, 2 * radius + 1)
    moved = addressing.shift(w, s)
    torch.testing.assert_close(moved, by_head(naive.shift, w, s))
    assert is_weighting(moved)
    torch.testing.assert_close(addressing.shift(w.roll(1, 2), s), moved.roll(1, 2))
    check(addressing.shift, w, s)


def test_a_position_on_the_ring():
    position = torch.tensor([0.0, 3.5, 4.0, 7.5, -0.5, -1e-9])
    assert addressing.on_ring(position, 4).tolist() == [0.0, 3.5, 0.0, 3.5, 3.5, 0.0]


@pytest.mark.parametrize("slots", SIZES)
def test_convolve(rng, slots):
    w, s = weighting(rng, B, H, slots), weighting(rng, B, H, slots)
    moved = addressing.convolve(w, s)
    torch.testing.assert_close(moved, by_head(naive.convolve, w, s))
    torch.testing.assert_close(addressing.convolve(w.roll(1, 2), s), moved.roll(1, 2))
    check(addressing.convolve, w, s)


def test_convolve_is_non_negative(rng):
    w = torch.zeros(B, H, 128)
    w[..., 3] = 1.0
    position, sigma = 40 * normal(rng, B, H, dtype=torch.float32), torch.full((B, H, 1), 0.5)
    kernel = addressing.gaussian(position, sigma, torch.ones_like(sigma), 128)
    assert (
        torch.fft.irfft(torch.fft.rfft(w) * torch.fft.rfft(kernel), n=128) < 0
    ).any()  # negative values by rounding
    assert is_weighting(addressing.convolve(w, kernel))


@pytest.mark.parametrize("slots", SIZES)
def test_sharpen(rng, slots):
    w, gamma = weighting(rng, B, H, slots), 1 + 3 * uniform(rng, B, H)
    sharp = addressing.sharpen(w, gamma)
    torch.testing.assert_close(sharp, by_head(naive.sharpen, w, gamma))
    assert is_weighting(sharp)
    check(addressing.sharpen, w, gamma)
    torch.testing.assert_close(addressing.sharpen(w, torch.ones_like(gamma)), w)
    best = torch.nn.functional.one_hot(w.argmax(-1), slots).double()
    torch.testing.assert_close(addressing.sharpen(w, torch.full_like(gamma, 1e5)), best)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sharpen_zero_weights(dtype):
    w = torch.eye(6, dtype=dtype)[None].requires_grad_()
    gamma = torch.full((1, 6), 20.0, dtype=dtype, requires_grad=True)
    sharp = addressing.sharpen(w, gamma)
    torch.testing.assert_close(sharp, w)
    assert all(g.isfinite().all() for g in torch.autograd.grad(sharp.square().sum(), [w, gamma]))
    nothing = addressing.sharpen(torch.zeros(1, 6, 5, dtype=dtype), gamma)
    torch.testing.assert_close(nothing, torch.full_like(nothing, 0.2))


@pytest.mark.parametrize("slots", SIZES)
def test_ring_offset(slots):
    for position in [0.0, 0.3, slots / 2, slots - 0.25, -0.75, 3 * slots + 0.6, -(2**20) * slots - 0.5]:
        offset = addressing.ring_offset(torch.tensor([[position]], dtype=torch.float64), slots)[0, 0].tolist()
        for j, d in enumerate(offset):
            assert abs(d) == pytest.approx(naive.distance(j, position, slots))
            assert -slots / 2 <= d < slots / 2
            assert math.remainder(position + d - j, slots) == pytest.approx(0.0)


@pytest.mark.parametrize("scales", [1, K])
@pytest.mark.parametrize("slots", SIZES)
@pytest.mark.parametrize("kernel", ["gaussian", "cauchy"])
def test_gaussian_and_cauchy(rng, kernel, slots, scales):
    function, slow = getattr(addressing, kernel), getattr(naive, kernel)
    position, sigma = 9 * normal(rng, B, H), 0.2 + 3 * uniform(rng, B, H, scales)
    mixture = weighting(rng, B, H, scales)
    w = function(position, sigma, mixture, slots)
    expected = by_head(lambda *one: slow(*one, slots), position, sigma, mixture)
    torch.testing.assert_close(w, expected)
    assert is_weighting(w)
    forwards = function(position + 1, sigma, mixture, slots)
    torch.testing.assert_close(forwards, w.roll(1, 2))
    for turns in (-3, 2**20):  # modulo N at any distance
        same = function(position + turns * slots, sigma, mixture, slots)
        torch.testing.assert_close(same, w, rtol=1e-5, atol=1e-7)
    if scales == 1:  # gradcheck perturbs the mixture, which a single scale ignores: it sums to one
        check(lambda p, s: function(p, s, mixture, slots), position, sigma)
    else:
        check(lambda p, s, m: function(p, s, m, slots), position, sigma, mixture)


@pytest.mark.parametrize("distance", [4, 8])
def test_cauchy_has_a_gradient_far_away_where_it_is_narrow(distance):
    position = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    sigma = torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    slopes = [
        torch.autograd.grad(kernel(position, sigma, torch.ones_like(sigma), 20)[0, 0, distance], position)[
            0
        ].item()
        for kernel in (addressing.gaussian, addressing.cauchy)
    ]
    assert slopes[0] < 1e-30
    assert slopes[1] > 1e-4


def test_snap(rng):
    x = 5 * normal(rng, B, H)
    expected = by_head(lambda one: naive.snap(one, 0.7), x)
    torch.testing.assert_close(addressing.snap(x, 0.7), expected)
    assert torch.equal(addressing.snap(x, 0.0), x)
    whole = torch.tensor([[-3.0, 0.0, 8.0]], dtype=torch.float64, requires_grad=True)
    held = addressing.snap(whole, 1.0)
    torch.testing.assert_close(held, whole)
    assert torch.autograd.grad(held.sum(), whole)[0].abs().max() < 1e-12  # errors do not pass
    assert ((addressing.snap(x, 1.0) - x.round()).abs() <= (x - x.round()).abs() + 1e-12).all()
    check(lambda one: addressing.snap(one, 0.7), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_narrow_gaussian_is_one_slot_and_rotates_exactly(rng, dtype):
    position = torch.tensor([[0.0, 3.0, -2.0], [7.0, 5.4, 4.4]], dtype=dtype, requires_grad=True)
    sigma = torch.full((B, H, 1), 1e-3, dtype=dtype, requires_grad=True)
    kernel = addressing.gaussian(position, sigma, torch.ones_like(sigma), 7)
    hot = torch.eye(7, dtype=dtype)[torch.tensor([[0, 3, 5], [0, 5, 4]])]
    torch.testing.assert_close(kernel, hot)
    gradients = torch.autograd.grad((kernel * torch.arange(7)).sum(), [position, sigma])
    assert all(g.isfinite().all() for g in gradients)
    w = weighting(rng, B, H, 7, dtype=dtype)
    moved = [[w[b, h].roll(int(position[b, h].round())) for h in range(H)] for b in range(B)]
    torch.testing.assert_close(addressing.convolve(w, kernel), torch.stack([torch.stack(m) for m in moved]))


@pytest.mark.parametrize("position", [1e30, -1e30, 2.0**24, -12345.75])
def test_a_gaussian_at_any_finite_position_is_a_weighting(position):
    at = torch.tensor([[position]], requires_grad=True)
    sigma = torch.full((1, 1, 1), 0.5)
    w = addressing.gaussian(at, sigma, torch.ones_like(sigma), 7)
    assert is_weighting(w)
    assert torch.autograd.grad((w * torch.arange(7)).sum(), at)[0].isfinite().all()


@pytest.mark.parametrize("slots", SIZES)
def test_step_or_jump(rng, slots):
    step, jump, kernel = weighting(rng, B, H, 3), uniform(rng, B, H), weighting(rng, B, H, slots)
    s = addressing.step_or_jump(step, jump, kernel)
    torch.testing.assert_close(s, by_head(naive.step_or_jump, step, jump, kernel))
    assert is_weighting(s)
    check(addressing.step_or_jump, step, jump, kernel)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_circular_mean(dtype):
    for slots in (2, 7, 20):
        positions = torch.arange(slots, dtype=dtype)
        torch.testing.assert_close(addressing.circular_mean(torch.eye(slots, dtype=dtype)), positions)
    for position in (-0.25, 0.3, 6.75, 3.5):
        at = torch.full((1, 1), position, dtype=dtype)
        w = addressing.gaussian(at, torch.full((1, 1, 1), 0.8, dtype=dtype), torch.ones(1, 1, 1).to(dtype), 7)
        mean = addressing.circular_mean(w)
        assert mean.shape == (1, 1)
        assert mean.item() == pytest.approx(position % 7, abs=0.01)


def test_circular_mean_just_below_slot_0_is_below_n():
    for slots in (5, 7, 20, 128):
        w = torch.zeros(slots)
        w[0], w[-1] = 1.0, 1e-9
        assert 0 <= addressing.circular_mean(w) < slots


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_circular_deviation(dtype):
    """Against a value by hand, and the width of a Gaussian."""
    torch.testing.assert_close(
        addressing.circular_deviation(torch.eye(7, dtype=dtype)), torch.zeros(7, dtype=dtype)
    )
    w = torch.tensor([0.5, 0.25, 0.0, 0.0, 0.0, 0.25], dtype=dtype)  # around slot 0
    for total in (1.0, 0.3):  # a DNC has weightings that sum to less than 1
        assert addressing.circular_deviation(total * w).item() == pytest.approx(0.5**0.5)
    assert addressing.circular_deviation(0.0 * w).item() == 0.0
    for position, sigma in ((8.0, 0.8), (0.25, 1.0), (19.75, 2.0)):
        at, widths = torch.full((1, 1), position, dtype=dtype), torch.full((1, 1, 1), sigma, dtype=dtype)
        w = addressing.gaussian(at, widths, torch.ones(1, 1, 1).to(dtype), 20)
        assert addressing.circular_deviation(w).item() == pytest.approx(sigma, abs=0.03)
