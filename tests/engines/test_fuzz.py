"""Random machines, shapes and states: both engines give equal results or equal errors."""

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.utils import _pytree as pytree

from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from src.networks.recurrent import Recurrent
from tests.engines.fused_cases import F, network

pytestmark = pytest.mark.usefixtures("unchecked_types")
# The same examples in each run.
SEEDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def machines(draw):
    """A network with a machine of random options, in float64."""
    options = {
        "memory_slots": draw(st.integers(1, 7)),
        "word_size": draw(st.integers(1, 5)),
        "controller": draw(st.sampled_from(["lstm", "gru", "feedforward", "counter_lstm"])),
        "controller_size": draw(st.integers(2, 6)),
        "counters": draw(st.integers(0, 1)),
        "number_input": draw(st.sampled_from(["hidden", "clamped", "raw"])),
        "counter_feedback": draw(st.booleans()),
        "counter_candidate": draw(st.sampled_from(["linear", "tanh"])),
        "numbers": draw(st.sampled_from([(0,), (2, 1)])),
        "input_skip": draw(st.sampled_from([False, True, {"read": False, "write": True}])),
        "read_heads": draw(st.integers(1, 3)),
        "write_heads": draw(st.integers(1, 3)),
        "content_addressing": draw(st.booleans()),
        "beta_bias": draw(st.sampled_from([0.0, 5.0])),
        "gate_bias": draw(st.sampled_from([-2.0, 0.0, 3.0])),
        "memory_init": draw(st.sampled_from(["constant", "learned", "random"])),
        "output_clip": draw(st.sampled_from([None, 20.0, 0.5])),
    }
    cls = draw(st.sampled_from([NTM, DMSNTM]))
    if cls is NTM:
        options |= {"shift_range": draw(st.integers(1, 4)), "step_bias": draw(st.sampled_from([0.0, 2.0]))}
    else:
        options |= {
            "carry": draw(st.sampled_from(["weighting", "position"])),
            "motion": draw(st.sampled_from(["relative", "hybrid", "anchored"])),
            "kernel": draw(st.sampled_from(["gaussian", "cauchy"])),
            "lattice": draw(st.sampled_from([0.0, 0.5, 1.0])),
            "sigma_max": draw(st.sampled_from([None, 200.0])),
            "num_scales": draw(st.integers(1, 3)),
            "sigma_init": draw(st.sampled_from([0.15, 0.5, 3.0, 40.0])),
            "jump_range": draw(st.sampled_from([None, 0.5, 100.0])),
            "delta_init": draw(st.sampled_from([-1.0, 0.0, 2.5])),
        }
    return network(cls, options, torch.float64, seed=draw(st.integers(0, 10_000)))


def altered_inputs(draw, x, state):
    """An input and a state, of which one tensor may be replaced by one that does not fit."""
    leaves, spec = pytree.tree_flatten(state)
    tensors = [x, *leaves]
    at = draw(st.integers(0, len(tensors) - 1))
    one = tensors[at]
    dimension = draw(st.integers(0, one.dim() - 1))
    tensors[at] = draw(
        st.sampled_from(
            [
                one,
                one.narrow(dimension, 0, 0),
                one.narrow(dimension, 0, max(1, one.shape[dimension] - 1)),
                torch.cat([one, one], dimension),
                one.float(),
                one.long(),
                one.to("meta"),
                one.unsqueeze(dimension),
                one.select(dimension, 0),
                one.transpose(0, -1),
            ]
        )
    )
    return tensors[0], pytree.tree_unflatten(tensors[1:], spec)


def both(net: Recurrent, call):
    """Result or error text of a call with each engine."""
    found = []
    for engine in ("reference", "fused"):
        net.cell.engine = engine
        try:
            found.append(call())
        except (ValueError, TypeError) as refusal:
            found.append(f"{type(refusal).__name__}: {refusal}")
    return found


@SEEDED
@given(st.data(), machines())
def test_fitting_and_unfitting_inputs(data, net):
    """Both engines give the same error or the same result."""
    batch, steps = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    x = torch.randn(batch, steps, F, dtype=torch.float64)
    state = net.initial_state(batch, data.draw(st.sampled_from([None, 1, 9])))
    x, state = altered_inputs(data.draw, x, state)
    one, other = both(net, lambda: net(x, state)[0].detach())
    assert isinstance(one, str) == isinstance(other, str)
    if isinstance(one, str):
        assert one == other
    else:
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@SEEDED
@given(st.data(), machines())
def test_sequences_in_parts(data, net):
    """A sequence in parts with a random engine for each; memories of several sizes; all gradients."""
    batch, slots = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([None, 1, 13]))
    lengths = data.draw(st.lists(st.integers(1, 11), min_size=1, max_size=3))
    x = torch.randn(batch, sum(lengths), F, dtype=torch.float64)
    start = data.draw(st.sampled_from([0.0, -3.25, 1e3]))  # a position may be anywhere
    engines = [data.draw(st.sampled_from(["reference", "fused"])) for _ in lengths]

    def run(engines):
        net.zero_grad(set_to_none=True)
        given = x.clone().requires_grad_()
        outputs, carried = [], net.initial_state(batch, slots)
        if getattr(net.cell, "carry", None) == "position":
            carried = carried._replace(heads=pytree.tree_map(lambda place: place + start, carried.heads))
        for part, engine in zip(given.split(lengths, 1), engines, strict=True):
            net.cell.engine = engine
            y, carried = net(part, carried)
            outputs.append(y)
        results = [torch.cat(outputs, 1), *pytree.tree_leaves(carried)]
        sum(one.square().sum() for one in results).backward()
        grads = [weight.grad for weight in net.parameters() if weight.grad is not None]
        return [one.detach() for one in results], [given.grad, *grads]

    (results, grads), (expected, expected_grads) = run(engines), run(["reference"] * len(lengths))
    assume(all(torch.isfinite(grad).all() and grad.abs().max() < 1e8 for grad in expected_grads))
    torch.testing.assert_close(results, expected, rtol=1e-7, atol=1e-7)
    for grad, one in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad, one, rtol=1e-6, atol=1e-6 * float(one.abs().max().clamp_min(1.0)))
