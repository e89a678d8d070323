"""One step of a controller, forward and backward: against torch's cells and their gradients."""

import numpy as np
import pytest
import torch
from torch import nn

from src.engines.numba_cpu import controllers
from src.engines.numba_cpu.plan import FEEDFORWARD, GRU, LSTM
from tests.engines.numba_cpu.from_python import from_python

control, control_backward = from_python(controllers.control), from_python(controllers.control_backward)

TOLERANCES = {np.float64: 1e-12, np.float32: 1e-5}
GATES = {LSTM: 4, GRU: 4, FEEDFORWARD: 1}
INPUTS = 3
each_kind = pytest.mark.parametrize("kind", GATES, ids=["lstm", "gru", "feedforward"])
each_dtype = pytest.mark.parametrize("dtype", TOLERANCES)


class TorchStep:
    """One step of a cell of torch, and its gradients, in float64."""

    def __init__(self, kind, size, rng):
        self.kind, self.size = kind, size
        torch.manual_seed(size)
        module = {LSTM: nn.LSTMCell, GRU: nn.GRUCell, FEEDFORWARD: nn.Linear}[kind]
        self.cell = module(INPUTS, size).double()
        self.x, self.h, self.c, self.dh, self.dc = (
            torch.randn(n, generator=rng, dtype=torch.float64) for n in (INPUTS, size, size, size, size)
        )

    def gates(self):
        """Pre-activations of the gates."""
        with torch.no_grad():
            if self.kind == FEEDFORWARD:
                return self.cell(self.x).numpy()
            of_input = self.cell.weight_ih @ self.x + self.cell.bias_ih
            of_state = self.cell.weight_hh @ self.h + self.cell.bias_hh
            if self.kind == LSTM:
                return (of_input + of_state).numpy()
            (r, z, new), (r_state, z_state, old) = of_input.chunk(3), of_state.chunk(3)
            return torch.cat([r + r_state, z + z_state, new, old]).numpy()

    def forward(self):
        self.leaves = [leaf.clone().requires_grad_() for leaf in (self.x, self.h, self.c)]
        x, h, c = self.leaves
        if self.kind == LSTM:
            return self.cell(x, (h, c))
        return (self.cell(x, h) if self.kind == GRU else self.cell(x).tanh()), 0.0 * c

    def backward(self):
        """Gradients of the input, of h and of c before the step."""
        h, c = self.forward()
        loss = h @ self.dh + (c @ self.dc if self.kind == LSTM else 0.0)
        found = torch.autograd.grad(loss, self.leaves, allow_unused=True)
        return [np.zeros(len(x)) if d is None else d.numpy() for x, d in zip(self.leaves, found, strict=True)]

    def through_the_gates(self, dgates):
        """Gradients of the input and of h through the pre-activations of the gates."""
        d = torch.from_numpy(dgates.astype(np.float64))
        with torch.no_grad():
            if self.kind == FEEDFORWARD:
                return (d @ self.cell.weight).numpy(), np.zeros(self.size)
            n = 2 * self.size
            of_input = d if self.kind == LSTM else d[: n + self.size]
            of_state = d if self.kind == LSTM else torch.cat([d[:n], d[n + self.size :]])
            return (of_input @ self.cell.weight_ih).numpy(), (of_state @ self.cell.weight_hh).numpy()


@each_kind
@each_dtype
@pytest.mark.parametrize("size", [1, 7, 16, 100])
def test_control(size, dtype, kind, rng):
    step, tolerance = TorchStep(kind, size, rng), TOLERANCES[dtype]
    cells = size if kind == LSTM else 0
    gates, h_before, c_before, dh, dc = (
        np.array(np.asarray(one), dtype)
        for one in (step.gates(), step.h, step.c[:cells], step.dh, step.dc[:cells])
    )
    assert len(gates) == GATES[kind] * size
    h, c, dh_before = np.full(size, np.nan, dtype), np.full(cells, np.nan, dtype), np.full(size, np.nan, dtype)
    control(kind, 0, 0, gates, h_before, c_before, h, c)
    true_h, true_c = (one.detach().numpy() for one in step.forward())
    np.testing.assert_allclose(h, true_h, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(c, true_c[:cells], rtol=tolerance, atol=tolerance)

    kept = [one.copy() for one in (h_before, c_before, c, dh)]
    control_backward(kind, 0, 0, gates, h_before, c_before, c, dh, dc, dh_before)
    assert all((one == before).all() for one, before in zip((h_before, c_before, c, dh), kept, strict=True))
    dx, true_dh, true_dc = step.backward()
    found_dx, found_dh = step.through_the_gates(gates)
    np.testing.assert_allclose(found_dx, dx, rtol=tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(dh_before + found_dh, true_dh, rtol=tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(dc, true_dc[:cells], rtol=tolerance, atol=10 * tolerance)


@each_dtype
def test_the_forward_stores_the_activations(dtype, rng):
    sums = torch.randn(4, 7, generator=rng).numpy().astype(dtype)
    given = torch.from_numpy(sums.astype(np.float64))
    i, f, g, o = given[0].sigmoid(), given[1].sigmoid(), given[2].tanh(), given[3].sigmoid()
    for kind, expected in (
        (LSTM, [i, f, g, o]),
        (GRU, [i, f, (given[2] + i * given[3]).tanh(), given[3]]),
    ):
        gates = sums.copy().ravel()
        control(kind, 0, 0, gates, *(np.zeros(7, dtype) for _ in range(4)))
        np.testing.assert_allclose(gates, torch.cat(expected), rtol=0, atol=TOLERANCES[dtype])


@each_kind
@each_dtype
def test_saturated_gates(kind, dtype):
    """Gradients of saturated gates are zero and not NaN."""
    for sign in (-1.0, 1.0):
        gates = np.full(GATES[kind] * 5, sign * 200.0, dtype)
        before, h, c, dh_before, dc = (np.full(5, 0.5, dtype) for _ in range(5))
        control(kind, 0, 0, gates, before, before, h, c)
        assert np.isfinite(h).all()
        assert (np.abs(h) <= 1).all()
        control_backward(kind, 0, 0, gates, before, before, c, np.ones(5, dtype), dc, dh_before)
        np.testing.assert_allclose(gates, 0.0, rtol=0, atol=1e-30)


@each_kind
@each_dtype
def test_nan_propagates(kind, dtype):
    for gate in range(GATES[kind]):
        gates = np.zeros((GATES[kind], 5), dtype)
        gates[gate, 3] = np.nan
        before, h, c = (np.ones(5, dtype) for _ in range(3))
        control(kind, 0, 0, gates.ravel(), before, before, h, c)
        assert np.isnan(h[3])
        assert np.isfinite(np.delete(h, 3)).all()


@each_dtype
@pytest.mark.parametrize("counters", [0, 1, 3, 6])
@pytest.mark.parametrize("squashed", [True, False])
def test_counters(counters, squashed, dtype, rng):
    """The last cells keep their value, and add the candidate and what is in place of their forget gate."""
    size, tolerance = 7, TOLERANCES[dtype]
    plain = size - counters
    given, h_before, c_before, dh, dc = (
        torch.randn(n, generator=rng, dtype=torch.float64, requires_grad=True)
        for n in (4 * size, size, size, size, size)
    )
    i, f, g, o = given.view(4, size)
    kept = torch.cat([f[:plain].sigmoid() * c_before[:plain], c_before[plain:]])
    candidate = g[plain:].tanh() if squashed else g[plain:]
    c = kept + i.sigmoid() * torch.cat([g[:plain].tanh(), candidate + f[plain:]])
    h = o.sigmoid() * c.tanh()
    expected = torch.autograd.grad(h @ dh.detach() + c @ dc.detach(), (given, c_before))

    gates, h_0, c_0, dh, dc = (
        np.array(one.detach().numpy(), dtype) for one in (given, h_before, c_before, dh, dc)
    )
    linear = 0 if squashed else counters
    found_h, found_c, dh_before = (np.full(size, np.nan, dtype) for _ in range(3))
    control(LSTM, counters, linear, gates, h_0, c_0, found_h, found_c)
    control_backward(LSTM, counters, linear, gates, h_0, c_0, found_c, dh, dc, dh_before)
    for found, true in ((found_h, h), (found_c, c), (gates, expected[0]), (dc, expected[1])):
        np.testing.assert_allclose(found, true.detach().numpy(), rtol=tolerance, atol=10 * tolerance)
