"""Machines before training: the effect of each option, and refused values."""

import inspect
import math

import pytest
import torch

from src.cells.dms_ntm import DMSNTM
from src.cells.machine import Machine
from src.cells.ntm import NTM
from src.common.checks import Refusal
from src.networks.recurrent import Recurrent

B, F, N, M, C = 2, 3, 8, 4, 6
KINDS = [NTM, DMSNTM]


def make(cls, **options):
    return cls(F, N, M, controller_size=C, **options)


def first(cell, raw=None, slots=None):
    """Trace of the first step, with raw numbers equal to the biases (or to `raw`)."""
    with torch.no_grad():
        cell.heads.weight.zero_()
        if raw is not None:
            cell.heads.bias.fill_(raw)
        return cell.trace(torch.ones(B, F), cell.initial_state(B, slots))[2]


def test_parameter_count_of_the_paper():
    assert sum(p.numel() for p in Recurrent(NTM(10), 9).parameters()) == 63_181


@pytest.mark.parametrize("output_clip", [None, 20.0])
@pytest.mark.parametrize(("sigma_init", "sigma_min"), [(0.5, 0.1), (30.0, 0.1), (0.2, 0.199), (1e-3, 1e-4)])
def test_initial_widths(sigma_init, sigma_min, output_clip):
    widths = {"sigma_init": sigma_init, "sigma_min": sigma_min, "output_clip": output_clip}
    cell = make(DMSNTM, num_scales=3, **widths)
    expected = torch.tensor([sigma_init, 2 * sigma_init, 4 * sigma_init]).expand(B, 2, 3)
    torch.testing.assert_close(first(cell)["sigma"], expected, rtol=1e-5, atol=0)
    narrow = first(cell, raw=-1e4)["sigma"]
    assert (narrow >= sigma_min).all()
    if output_clip is None:
        torch.testing.assert_close(narrow, torch.full_like(narrow, sigma_min))


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("shift_range", [1, 3])
def test_initial_shifts(shift_range, content):
    """A head of an NTM moves by one slot, with little content-based addressing."""
    cell = make(NTM, shift_range=shift_range, content_addressing=content, gate_bias=-20.0, step_bias=20.0)
    seen = first(cell)
    torch.testing.assert_close(seen["weighting"], torch.eye(N)[1].expand(B, 2, N), rtol=0, atol=1e-6)
    if content:
        torch.testing.assert_close(first(make(NTM))["gate"], torch.full((B, 2), 1 / (1 + math.exp(2))))
    even = first(make(NTM, content_addressing=False, step_bias=0.0, output_clip=None))["weighting"]
    torch.testing.assert_close(even[..., 1], even[..., -1])


@pytest.mark.parametrize("cls", KINDS)
def test_initial_biases_of_content_addressing(cls):
    """The biases of key strength and gate are those of the options, in every kind of machine."""
    cell = make(cls, beta_bias=3.0, gate_bias=-1.5, read_heads=1, write_heads=1)
    numbers = cell.heads.bias[: 2 * sum(cell.head_sizes)].view(2, -1)
    assert numbers[:, M : M + 2].tolist() == [[3.0, -1.5]] * 2
    assert numbers[:, :M].eq(0).all()
    torch.testing.assert_close(first(cell)["gate"], torch.full((B, 2), 1 / (1 + math.exp(1.5))))
    same = make(cls, beta_bias=0.0, gate_bias=-1.5, read_heads=1, write_heads=1)
    rest = same.heads.bias[: 2 * sum(same.head_sizes)].view(2, -1)
    assert numbers[:, M + 1 :].equal(rest[:, M + 1 :])


@pytest.mark.parametrize("content", [True, False])
@pytest.mark.parametrize("carry", ["weighting", "position"])
def test_initial_motion(carry, content):
    options = {"carry": carry, "content_addressing": content}
    assert (first(make(DMSNTM, motion="relative", **options))["delta"] == 1.0).all()
    assert (first(make(DMSNTM, motion="relative", delta_init=-1.25, **options))["delta"] == -1.25).all()
    hybrid = make(DMSNTM, motion="hybrid", jump_bias=-3.0, **options)
    torch.testing.assert_close(first(hybrid)["jump"], torch.full((B, 2), 1 / (1 + math.exp(3))))
    assert (first(hybrid)["jump_distance"] == 0).all()
    if content:
        assert (first(hybrid)["gate"] == 0.5).all()


def test_a_hybrid_head_initially_steps_forwards():
    """With step = softmax(0, 0, 2) and almost no jump the position is E[step] = p(+1) - p(-1)."""
    cell = make(DMSNTM, carry="position", motion="hybrid", jump_bias=-20.0)
    step = torch.tensor([0.0, 0.0, 2.0]).softmax(0)
    torch.testing.assert_close(first(cell)["position"], (step[2] - step[0]).expand(B, 2))


@pytest.mark.parametrize("slots", [None, 3 * N])
@pytest.mark.parametrize(("jump_range", "reach"), [(None, N / 2), (3.0, 3.0), (20.0, 20.0)])
@pytest.mark.parametrize("carry", ["weighting", "position"])
def test_jump_range_does_not_change_with_a_larger_memory(carry, jump_range, reach, slots):
    cell = make(DMSNTM, carry=carry, motion="hybrid", jump_range=jump_range)
    assert first(cell, raw=15.0, slots=slots)["jump_distance"].tolist() == [[reach] * 2] * B


def test_a_position_is_not_clamped():
    cell = make(DMSNTM, carry="position", motion="relative", delta_init=15.5)
    state, x = cell.initial_state(B), torch.ones(B, F)
    with torch.no_grad():
        cell.heads.weight.zero_()
        for _ in range(10):
            _, state, seen = cell.trace(x, state)
    assert (seen["position"] == 155.0).all()
    assert torch.equal(seen["position"], state.heads)
    far = state._replace(heads=torch.full((B, 2), -1e20))
    w = cell.trace(x, far)[2]["weighting"]
    assert w.isfinite().all()
    torch.testing.assert_close(w.sum(-1), torch.ones(B, 2))


@pytest.mark.parametrize("carry", ["weighting", "position"])
@pytest.mark.parametrize("cls", KINDS)
def test_heads_start_at_slot_0(cls, carry):
    options = {"carry": carry} if cls is DMSNTM else {}
    heads = make(cls, read_heads=2, **options).initial_state(B, 11).heads
    if options == {"carry": "position"}:
        assert torch.equal(heads, torch.zeros(B, 3))
    else:
        assert torch.equal(heads, torch.eye(11)[0].expand(B, 3, 11))


@pytest.mark.parametrize("cls", KINDS)
def test_without_content_addressing_there_are_no_keys_strengths_and_gates(cls):
    with_content, without = make(cls), make(cls, content_addressing=False)
    heads = 2
    assert with_content.heads.out_features - without.heads.out_features == heads * (M + 1 + 1)
    assert "gate" in first(with_content)
    assert "gate" not in first(without)


@pytest.mark.parametrize("cls", KINDS)
def test_initial_memory(cls, rng):
    torch.testing.assert_close(make(cls).initial_memory, torch.full((N, M), 1e-6))
    for kind in ("learned", "random"):
        memory = make(cls, memory_init=kind).initial_memory
        assert memory.unique().numel() > N * M // 2  # not constant
        assert memory.abs().max() <= 0.1
    for kind in ("constant", "learned", "random"):
        cell = make(cls, memory_init=kind)
        assert ("initial_memory" in dict(cell.named_parameters())) == (kind == "learned")
        assert "initial_memory" in cell.state_dict()
        other = make(cls, memory_init=kind)
        other.load_state_dict(cell.state_dict())
        assert torch.equal(other.initial_state(B).memory, cell.initial_memory.expand(B, N, M))
        y, state = cell.step(torch.randn(B, F, generator=rng), cell.initial_state(B))
        (y.square().sum() + state.memory.square().sum()).backward()
        if kind == "learned":
            assert (cell.initial_memory.grad != 0).all()


@pytest.mark.parametrize("slots", [5, N, 3 * N + 1])
@pytest.mark.parametrize("cls", KINDS)
def test_a_larger_memory_repeats_the_initial_rows(cls, slots):
    cell = make(cls, memory_init="random")
    memory = cell.initial_state(B, slots).memory
    assert memory.shape == (B, slots, M)
    assert all(torch.equal(memory[b, i], cell.initial_memory[i % N]) for b in range(B) for i in range(slots))


@pytest.mark.parametrize("cls", KINDS)
def test_output_clip_bounds_the_raw_numbers(cls):
    cell = make(cls, output_clip=0.25)
    gate = first(cell, raw=100.0)["gate"]
    torch.testing.assert_close(gate, torch.full((B, 2), 0.25).sigmoid())
    assert first(make(cls, output_clip=None), raw=100.0)["gate"].tolist() == [[1.0] * 2] * B


WHOLE = ["abc", None, 2.5, True, 0, -3, math.nan, math.inf]
POSITIVE = ["abc", True, 0, -0.5, math.nan, math.inf, -math.inf]
REAL = ["abc", None, True, math.nan, math.inf]
#: For each option, the text about allowed values and examples of refused ones.
BOTH = {
    **dict.fromkeys(("input_size", "memory_slots", "word_size"), ("an integer of at least 1", WHOLE)),
    **dict.fromkeys(("controller_size", "read_heads", "write_heads"), ("an integer of at least 1", WHOLE)),
    "content_addressing": ("true or false", ["abc", 1, 0, None]),
    "controller": ("one of lstm, gru, feedforward", ["rnn", "LSTM", None, 1, True]),
    "memory_init": ("one of constant, learned, random", ["zeros", None, 1e-6]),
    "engine": ("one of auto, fused, reference", ["fast", None, 1]),
    "output_clip": ("a finite number above 0", POSITIVE),
    **dict.fromkeys(("beta_bias", "gate_bias"), ("a finite number", REAL)),
}
REFUSED = {
    NTM: {
        **BOTH,
        "shift_range": ("an integer of at least 1", WHOLE),
        "step_bias": ("a finite number", REAL),
    },
    DMSNTM: {
        **BOTH,
        "carry": ("one of weighting, position", ["slot", None, 1]),
        "motion": ("one of relative, hybrid", ["absolute", None, True]),
        "num_scales": ("an integer of at least 1", WHOLE),
        "sigma_init": ("a finite number above 0", [*POSITIVE, None]),
        "sigma_min": ("a finite number above 0", [*POSITIVE, None]),
        "jump_range": ("a finite number above 0", POSITIVE),
        "jump_bias": ("a finite number", REAL),
        "delta_init": ("a finite number", REAL),
    },
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("cls", "key"), [(cls, key) for cls in KINDS for key in REFUSED[cls]])
def test_refusals(cls, key):
    allowed, values = REFUSED[cls][key]
    for value in values:
        with pytest.raises(Refusal) as refusal:
            cls(**{"input_size": F, key: value})
        assert str(refusal.value).partition("; did you mean")[0] == f"{key}={value!r}: must be {allowed}"


@pytest.mark.parametrize(("sigma_init", "sigma_min"), [(0.5, 0.5), (0.05, 0.1), (0.5, 0.75)])
def test_sigma_init_must_be_above_sigma_min(sigma_init, sigma_min):
    with pytest.raises(Refusal) as refusal:
        make(DMSNTM, sigma_init=sigma_init, sigma_min=sigma_min)
    assert str(refusal.value) == f"sigma_init={sigma_init}: must be above sigma_min={sigma_min}"


@pytest.mark.parametrize("cls", KINDS)
@pytest.mark.usefixtures("unchecked_types")
def test_every_argument_is_named_checked_and_known(cls):
    parameters = set(inspect.signature(cls).parameters)
    assert parameters == REFUSED[cls].keys()  # so no **kwargs, and each parameter has a refusal above
    assert set(inspect.signature(Machine).parameters) == BOTH.keys()
    with pytest.raises(TypeError, match="shift_rang"):
        cls(F, shift_rang=2)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("slots", ["abc", 2.5, True, 0, -1])
@pytest.mark.parametrize("cls", KINDS)
def test_an_invalid_number_of_slots_is_refused(cls, slots):
    with pytest.raises(Refusal) as refusal:
        make(cls).initial_state(B, slots)
    assert str(refusal.value) == f"memory_slots={slots!r}: must be an integer of at least 1"
