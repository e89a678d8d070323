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
    numbers = cell.heads.bias[: 2 * sum(cell.layout.sizes)].view(2, -1)
    assert numbers[:, M : M + 2].tolist() == [[3.0, -1.5]] * 2
    assert numbers[:, :M].eq(0).all()
    torch.testing.assert_close(first(cell)["gate"], torch.full((B, 2), 1 / (1 + math.exp(1.5))))
    same = make(cls, beta_bias=0.0, gate_bias=-1.5, read_heads=1, write_heads=1)
    rest = same.heads.bias[: 2 * sum(same.layout.sizes)].view(2, -1)
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
        torch.testing.assert_close(first(hybrid)["gate"], torch.full((B, 2), 1 / (1 + math.exp(2))))


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


MOST = "of at most 1e+06"
WHOLE = ["abc", None, 2.5, True, 0, -3, math.nan, math.inf]
POSITIVE = ["abc", True, 0, -0.5, math.nan, math.inf, -math.inf]
REAL = ["abc", None, True, math.nan, math.inf]
FLAG = ["abc", 1, 0, None]
#: For each option, the text about allowed values and examples of refused ones.
BOTH = {
    **dict.fromkeys(("input_size", "memory_slots", "word_size"), ("an integer of at least 1", WHOLE)),
    **dict.fromkeys(("controller_size", "read_heads", "write_heads"), ("an integer of at least 1", WHOLE)),
    "counters": ("an integer of at least 0", ["abc", None, 2.5, True, -3, math.nan, math.inf]),
    "content_addressing": ("true or false", FLAG),
    "controller": ("one of lstm, gru, feedforward, counter_lstm", ["rnn", "LSTM", None, 1, True]),
    "number_input": ("one of hidden, clamped, raw", ["shown", None, 1]),
    "counter_feedback": ("true or false", FLAG),
    "counter_candidate": ("one of linear, tanh", ["sigmoid", None]),
    "memory_init": ("one of constant, learned, random", ["zeros", None, 1e-6]),
    "engine": ("one of auto, fused, reference", ["fast", None, 1]),
    "output_clip": (f"a finite number above 0 and {MOST}", [*POSITIVE, 1e300]),
    "numbers": (f"a list of integers from 0 to {F - 1}", [(F,), (-1,), "abc", None, (True,)]),
}
#: Options by head.
BY_HEAD = {
    **dict.fromkeys(("beta_bias", "gate_bias", "step_bias"), ("a finite number", REAL)),
    "input_skip": ("true or false", FLAG),
}
DMS_BY_HEAD = {
    **BY_HEAD,
    **dict.fromkeys(("jump_bias", "bookmark_bias", "delta_init"), ("a finite number", REAL)),
    "input_skip_init": (f"a finite number of at least -1e+06 and {MOST}", [*REAL, -1e300]),
    "sigma_init": ("a finite number above 0 and below 1e+06", [*POSITIVE, None, 1e300]),
    "lattice": ("a finite number of at least 0 and of at most 1", [*REAL, -0.1, 1.5]),
    "sigma_max": (f"a finite number above 0.1 and {MOST}", [*POSITIVE, 0.05, 1e300]),
}
REFUSED = {
    NTM: {**BOTH, **BY_HEAD, "shift_range": ("an integer of at least 1", WHOLE)},
    DMSNTM: {
        **BOTH,
        **DMS_BY_HEAD,
        "carry": ("one of weighting, position", ["slot", None, 1]),
        "motion": ("one of relative, hybrid, anchored", ["absolute", None, True]),
        "kernel": ("one of gaussian, cauchy", ["student", None, 1]),
        "num_scales": ("an integer of at least 1", WHOLE),
        "sigma_min": (f"a finite number of at least 1e-06 and {MOST}", [*POSITIVE, None, 1e-30, 1e300]),
        "sigma_schedule": (
            "null or {factor: .., share: ..}, such as {factor: 4, share: 0.6}",
            [2.0, "abc", {"factor": 2.0}, {"factor": 2.0, "share": 0.5, "more": 1}],
        ),
        "jump_range": (f"a finite number above 0 and {MOST}", [*POSITIVE, 1e300]),
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


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(("cls", "key"), [(NTM, key) for key in BY_HEAD] + [(DMSNTM, key) for key in DMS_BY_HEAD])
def test_options_by_head(cls, key):
    """One value for all heads, one for the read heads and one for the write heads, or one for each head."""
    allowed, values = REFUSED[cls][key]
    valid = True if key == "input_skip" else 0.75
    more = {"input_skip": True, "numbers": (0,)} if key == "input_skip_init" else {}
    assert getattr(make(cls, **{key: valid}, **more), key) == (valid, valid)
    assert getattr(make(cls, **{key: {"read": valid, "write": valid}}, **more), key) == (valid, valid)
    other = False if key == "input_skip" else 0.625
    heads = {"read_heads": 2, "write_heads": 2, **more}
    own = make(cls, **{key: {"read": [valid, other], "write": [other, valid]}}, **heads)
    assert getattr(own, key) == (valid, other, other, valid)
    assert getattr(make(cls, **{key: {"read": [valid, other], "write": other}}, **heads), key)[1:] == (other,) * 3
    for value in values:
        with pytest.raises(Refusal) as refusal:
            make(cls, **{key: {"read": valid, "write": value}})
        assert str(refusal.value) == f"{key}.write={value!r}: must be {allowed}"
        with pytest.raises(Refusal) as refusal:
            make(cls, **{key: {"read": [valid, value], "write": valid}}, **heads)
        assert str(refusal.value) == f"{key}.read[1]={value!r}: must be {allowed}"
    for value in ([], [valid], [valid] * 3):
        with pytest.raises(Refusal) as refusal:
            make(cls, **{key: {"read": valid, "write": value}}, **heads)
        text = "must be one value, or a list of 2, one for each write head"
        assert str(refusal.value) == f"{key}.write={value!r}: {text}"
    for value in ({"read": valid}, {"read": valid, "wirte": valid}, {}):
        with pytest.raises(Refusal) as refusal:
            make(cls, **{key: value})
        assert (
            str(refusal.value) == f"{key}={value!r}: must be one value for all heads, or {{read: .., write: ..}}"
        )


def test_initial_values_by_kind_of_head():
    """Read heads that stand still and are wide, write heads that walk and are narrow."""
    cell = make(
        DMSNTM,
        read_heads=2,
        motion="relative",
        delta_init={"read": 0.0, "write": 1.0},
        sigma_init={"read": 2.0, "write": 0.3},
        gate_bias={"read": -5.0, "write": -9.0},
        beta_bias={"read": 1.0, "write": 2.0},
    )
    seen = first(cell)
    assert seen["delta"][0].tolist() == [0.0, 0.0, 1.0]
    torch.testing.assert_close(seen["sigma"][0, :, 0], torch.tensor([2.0, 2.0, 0.3]))
    torch.testing.assert_close(seen["gate"][0], torch.tensor([-5.0, -5.0, -9.0]).sigmoid())
    hybrid = first(make(DMSNTM, step_bias={"read": 0.0, "write": 9.0}, jump_bias={"read": 0.0, "write": -9.0}))
    torch.testing.assert_close(hybrid["jump"][0], torch.tensor([0.0, -9.0]).sigmoid())
    ntm = first(make(NTM, step_bias={"read": 0.0, "write": 20.0}, content_addressing=False))["weighting"][0]
    assert ntm[1].argmax() == 1
    torch.testing.assert_close(ntm[0, 1], ntm[0, -1])


def test_widths_may_be_integers():
    integers, floats = (
        first(make(DMSNTM, sigma_init={"read": one(2), "write": one(1)}, sigma_max=one(4))) for one in (int, float)
    )
    assert torch.equal(integers["sigma"], floats["sigma"])


def test_initial_values_by_head():
    """A read head that walks, another that stands still and is bounded, and a write head as usual."""
    cell = make(
        DMSNTM,
        read_heads=2,
        motion="anchored",
        delta_init={"read": [1.0, 0.0], "write": 1.0},
        sigma_init={"read": [0.5, 2.0], "write": 0.3},
        sigma_schedule={"read": [None, {"factor": 5.0, "share": 0.6}], "write": None},
        gate_bias={"read": [-2.0, -20.0], "write": [-3.0]},
        jump_bias={"read": [-4.0, 4.0], "write": -4.0},
        bookmark_bias={"read": [-1.0, 1.0], "write": 0.0},
    )
    seen = first(cell)
    assert seen["delta"][0].tolist() == [1.0, 0.0, 1.0]
    torch.testing.assert_close(seen["sigma"][0, :, 0], torch.tensor([0.5, 10.0, 0.3]))
    torch.testing.assert_close(seen["gate"][0], torch.tensor([-2.0, -20.0, -3.0]).sigmoid())
    torch.testing.assert_close(seen["store"][0], torch.tensor([-1.0, 1.0, 0.0]).sigmoid())
    assert (seen["to_bookmark"][0] > 0.1).tolist() == [False, True, False]
    cell.at_progress(0.3)
    torch.testing.assert_close(first(cell)["sigma"][0, :, 0], torch.tensor([0.5, 2 * 5**0.5, 0.3]))
    ntm = make(NTM, read_heads=2, step_bias={"read": [20.0, -20.0], "write": 20.0}, content_addressing=False)
    assert first(ntm)["weighting"][0].argmax(1).tolist() == [1, 0, 1]


def test_values_by_head_change_no_other_weight():
    """The weights of a seed are those of a machine with one value for all heads; only the biases differ."""
    made = []
    for delta in (1.0, {"read": [1.0, 0.0], "write": 1.0}):
        torch.manual_seed(0)
        made.append(make(DMSNTM, read_heads=2, motion="relative", delta_init=delta))
    plain, own = (one.state_dict() for one in made)
    assert plain.keys() == own.keys()
    assert [name for name in plain if not torch.equal(plain[name], own[name])] == ["heads.bias"]
    changed = (plain["heads.bias"] != own["heads.bias"]).nonzero().flatten().tolist()
    layout = made[1].layout
    assert changed == [layout.size + layout.starts["delta"]]


@pytest.mark.parametrize(("cls", "options"), [(NTM, {"shift_range": 3}), (DMSNTM, {"jump_bias": -20.0})])
def test_read_heads_may_stand_still_and_write_heads_walk(cls, options):
    """A negative step_bias is the logit of standing still, whatever the range of shifts."""
    cell = make(cls, step_bias={"read": -20.0, "write": 20.0}, content_addressing=False, **options)
    torch.testing.assert_close(first(cell)["weighting"][0], torch.eye(N)[:2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma_max", [4.0, 30.0])
def test_sigma_max_bounds_the_width(sigma_max):
    cell = make(
        DMSNTM, sigma_init={"read": 0.5, "write": 0.7}, num_scales=2, sigma_max=sigma_max, output_clip=None
    )
    torch.testing.assert_close(first(cell)["sigma"][0], torch.tensor([[0.5, 1.0], [0.7, 1.4]]))
    assert (first(cell, raw=50.0)["sigma"] <= sigma_max).all()
    assert (first(cell, raw=-50.0)["sigma"] >= 0.1).all()


def test_sigma_max_bounds_the_width_by_head():
    """Each head has its own bound, or none; the initial widths are the same."""
    bounds = {"read": [1.5, None], "write": 0.6}
    cell = make(DMSNTM, read_heads=2, sigma_init=0.5, sigma_max=bounds, output_clip=None)
    torch.testing.assert_close(first(cell)["sigma"], torch.full((B, 3, 1), 0.5))
    wide = first(cell, raw=50.0)["sigma"][0, :, 0]
    torch.testing.assert_close(wide[[0, 2]], torch.tensor([1.5, 0.6]))
    assert wide[1] > 49.0
    torch.testing.assert_close(first(cell, raw=-50.0)["sigma"], torch.full((B, 3, 1), 0.1))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sigma_init": 2.0, "sigma_max": 2.0}, "sigma_init=2.0: must be below sigma_max=2.0"),
        (
            {"sigma_init": 0.6, "sigma_max": 2.0, "num_scales": 3},
            "sigma_init=0.6: must be below sigma_max=2.0 after 2 doublings, as num_scales=3",
        ),
        ({"sigma_init": {"read": 0.5, "write": 0.05}}, "sigma_init.write=0.05: must be above sigma_min=0.1"),
        (
            {"sigma_init": {"read": 5.0, "write": 0.5}, "sigma_max": 2.0},
            "sigma_init.read=5.0: must be below sigma_max=2.0",
        ),
        (
            {"sigma_init": 0.7, "sigma_max": {"read": 1.5, "write": 0.6}},
            "sigma_init=0.7: must be below sigma_max.write=0.6",
        ),
        (
            {"sigma_init": {"read": [0.5, 5.0], "write": 0.5}, "sigma_max": 2.0, "read_heads": 2},
            "sigma_init.read[1]=5.0: must be below sigma_max=2.0",
        ),
        (
            {"sigma_schedule": {"read": [None, {"factor": 2.0}], "write": None}, "read_heads": 2},
            "sigma_schedule.read[1]={'factor': 2.0}: must be null or {factor: .., share: ..}, "
            "such as {factor: 4, share: 0.6}",
        ),
        (
            {"sigma_schedule": {"read": [None], "write": None}, "read_heads": 2},
            "sigma_schedule.read=[None]: must be one value, or a list of 2, one for each read head",
        ),
        (
            {
                "read_heads": 2,
                "numbers": (1,),
                "input_skip": {"read": [False, True], "write": False},
                "input_skip_init": {"read": [-1.0, -1.0], "write": 0.0},
            },
            "input_skip_init={'read': [-1.0, -1.0], 'write': 0.0}: must be 0 for heads without an input skip",
        ),
        (
            {"num_scales": 2000},
            "sigma_init=0.5: must be below 1e+06 slots after 1999 doublings, as num_scales=2000",
        ),
        *(
            (
                {"sigma_schedule": {"factor": factor, "share": 0.5}},
                f"sigma_schedule.factor={factor!r}: must be a finite number of at least 1 and {MOST}",
            )
            for factor in (0.5, 1e308)
        ),
        (
            {"sigma_schedule": {"factor": 2.0, "share": 1.5}},
            "sigma_schedule.share=1.5: must be a finite number above 0 and of at most 1",
        ),
        (
            {"controller": "counter_lstm"},
            "number_input='hidden': must be raw on a task whose inputs have no number",
        ),
        (
            {"controller": "counter_lstm", "number_input": "clamped"},
            "number_input='clamped': must be raw on a task whose inputs have no number",
        ),
        (
            {"sigma_schedule": {"read": {"factor": 2.0}, "write": None}},
            "sigma_schedule.read={'factor': 2.0}: must be null or {factor: .., share: ..}, "
            "such as {factor: 4, share: 0.6}",
        ),
        (
            {"input_skip": True, "input_skip_init": -1.0},
            "input_skip_init=-1.0: must be 0 on a task whose inputs have no number",
        ),
        (
            {"numbers": (1,), "input_skip": {"read": True, "write": False}, "input_skip_init": -1.0},
            "input_skip_init=-1.0: must be 0 for heads without an input skip",
        ),
        (
            {"controller": "counter_lstm", "number_input": "raw", "counters": C},
            f"counters={C}: must be below the number of cells, {C}",
        ),
    ],
)
def test_values_that_do_not_go_together(options, text):
    with pytest.raises(Refusal) as refusal:
        make(DMSNTM, **options)
    assert str(refusal.value) == text


def test_the_schedule_of_the_width():
    """Wide at first, then as without a schedule; a checkpoint keeps where it was."""
    cell = make(DMSNTM, sigma_init=0.5, sigma_schedule={"factor": 4.0, "share": 0.5})
    for done, width in ((0.0, 2.0), (0.25, 1.0), (0.5, 0.5), (1.0, 0.5)):
        cell.at_progress(done)
        torch.testing.assert_close(first(cell)["sigma"], torch.full((B, 2, 1), width))
    cell.at_progress(0.25)
    other = make(DMSNTM, sigma_init=0.5, sigma_schedule={"factor": 4.0, "share": 0.5})
    other.load_state_dict(cell.state_dict())
    torch.testing.assert_close(first(other)["sigma"], torch.full((B, 2, 1), 1.0))
    reads = make(DMSNTM, sigma_schedule={"read": {"factor": 4.0, "share": 0.5}, "write": None})
    torch.testing.assert_close(first(reads)["sigma"][0, :, 0], torch.tensor([2.0, 0.5]))
    plain = make(DMSNTM)
    plain.at_progress(0.5)  # without a schedule, nothing happens
    assert "sigma_factor" not in plain.state_dict()


@pytest.mark.parametrize("carry", ["weighting", "position"])
def test_an_anchored_head_returns_to_its_bookmark_and_to_slot_0(carry):
    """The head walks three slots, stores the place, walks on, and returns to it, then to the start."""
    cell = make(
        DMSNTM, carry=carry, motion="anchored", content_addressing=False, sigma_init=0.11, output_clip=None
    )
    with torch.no_grad():
        cell.heads.weight.zero_()
    numbers = cell.heads.bias[: 2 * cell.layout.size].view(2, -1)
    stay, back, start = ([30.0, 0.0, 0.0], [0.0, 30.0, 0.0], [0.0, 0.0, 30.0])
    plan = [(stay, 1.0, -30.0)] * 2 + [(stay, 1.0, 30.0)] + [(stay, 1.0, -30.0)] * 3
    plan += [(back, 0.0, -30.0), (stay, 1.0, -30.0), (start, 1.0, -30.0), (back, -1.0, -30.0)]
    state, visited, x = cell.initial_state(1), [], torch.ones(1, F)
    for anchor, delta, store in plan:
        with torch.no_grad():
            for name, values in (("anchor", anchor), ("delta", [delta]), ("store", [store])):
                at = cell.layout.starts[name]
                numbers[:, at : at + len(values)] = torch.tensor(values)
            _, state, seen = cell.trace(x, state)
        visited.append(seen["weighting"][0, 0].argmax().item())
    assert visited == [1, 2, 3, 4, 5, 6, 3, 4, 1, 2]


@pytest.mark.parametrize("cls", KINDS)
def test_an_input_skip_moves_the_heads_of_its_kind(cls):
    """Linear in the input, not limited by output_clip, and at first zero but for `input_skip_init`."""
    skip = {"read": True, "write": False}
    if cls is NTM:
        cell = make(NTM, shift_range=2, input_skip=skip, content_addressing=False, step_bias=0.0, output_clip=0.1)
        assert (cell.skip.weight == 0).all()
        with torch.no_grad():
            cell.skip.weight[4] = 20.0  # the shift by +2
        w = first(cell)["weighting"][0]
        assert (w[0].argmax(), round(w[0, 2].item(), 3)) == (2, 1.0)
        torch.testing.assert_close(w[1, 1], w[1, -1])
        return
    for motion, shown in (("relative", "delta"), ("hybrid", "jump_distance"), ("anchored", "delta")):
        cell = make(
            DMSNTM, motion=motion, input_skip=skip, delta_init=0.0, output_clip=0.1, numbers=(1,),
            input_skip_init={"read": -3.0, "write": 0.0},
        )  # fmt: skip
        assert cell.skip.weight.tolist() == [[0.0, -3.0, 0.0]]
        assert first(cell)[shown][0].tolist() == [-3.0, 0.0]


@pytest.mark.parametrize("motion", ["relative", "hybrid", "anchored"])
def test_any_of_the_heads_may_have_an_input_skip(motion):
    """The one in the middle of three read heads counts; only it has weights."""
    cell = make(
        DMSNTM,
        motion=motion,
        read_heads=3,
        write_heads=2,
        delta_init=0.0,
        numbers=(1,),
        input_skip={"read": [False, True, False], "write": [False, True]},
        input_skip_init={"read": [0.0, -3.0, 0.0], "write": [0.0, -1.0]},
    )
    assert cell.skip.weight.tolist() == [[0.0, -3.0, 0.0], [0.0, -1.0, 0.0]]
    shown = "jump_distance" if motion == "hybrid" else "delta"
    assert first(cell)[shown][0].tolist() == [0.0, -3.0, 0.0, 0.0, -1.0]


@pytest.mark.parametrize("candidate", ["linear", "tanh"])
def test_a_controller_that_counts_beyond_its_training(candidate):
    """The count is kept exactly and passes its gates unsquashed, however large the number is."""
    cell = make(NTM, controller="counter_lstm", counters=1, counter_candidate=candidate, numbers=(2,)).controller
    with torch.no_grad():
        for weight in cell.parameters():
            weight.zero_()
        cell.bias[:C] = 50.0  # all inputs gates are open
        cell.weight_numbers.fill_(1.0)
    state = cell.initial_state(1)
    for number in (1000.0, -1.0, -1.0):
        x = torch.zeros(1, cell.input_size)
        x[0, 2] = number
        _, state = cell.step(x, state)
    assert state.cell[0][0].tolist() == [0.0] * (C - 1) + [998.0]


def test_without_feedback_the_increments_do_not_depend_on_the_count():
    options = {"controller": "counter_lstm", "counters": 2, "numbers": (2,)}
    x = torch.randn(3, F + M, generator=torch.Generator().manual_seed(1))
    for feedback in (True, False):
        cell = make(NTM, **options, counter_feedback=feedback).controller
        found = []
        for count in (0.0, 7.0):
            _, state = cell.step(
                torch.cat([torch.zeros(1, 2), torch.full((1, 1), count), x[:1, 3:]], 1), cell.initial_state(1)
            )
            before = state.cell[0][0, -2:]
            for one in x:
                _, state = cell.step(one[None], state)
            found.append(state.cell[0][0, -2:] - before)
        assert torch.allclose(*found, atol=1e-6) is not feedback


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
    shared = {"beta_bias", "gate_bias", "input_skip", "input_skip_init"}
    assert set(inspect.signature(Machine).parameters) == {*BOTH, *shared}
    with pytest.raises(TypeError, match="shift_rang"):
        cls(F, shift_rang=2)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("slots", ["abc", 2.5, True, 0, -1])
@pytest.mark.parametrize("cls", KINDS)
def test_an_invalid_number_of_slots_is_refused(cls, slots):
    with pytest.raises(Refusal) as refusal:
        make(cls).initial_state(B, slots)
    assert str(refusal.value) == f"memory_slots={slots!r}: must be an integer of at least 1"


@pytest.mark.parametrize("carry", ["position", "weighting"])
@pytest.mark.parametrize("sigma_init", [1.1e-6, 9e5])
def test_the_largest_and_the_smallest_options_give_finite_gradients(carry, sigma_init):
    bounds = {"sigma_min": 1e-6, "sigma_max": 1e6, "sigma_schedule": {"factor": 1e6, "share": 1.0}}
    more = {"jump_range": 1e6, "output_clip": 1e6, "input_skip": True, "input_skip_init": 1e6, "numbers": (0,)}
    network = Recurrent(make(DMSNTM, carry=carry, sigma_init=sigma_init, engine="reference", **bounds, **more), 2)
    y, _ = network(torch.rand(2, 5, F))
    y.sum().backward()
    assert y.isfinite().all()
    assert all(one.grad.isfinite().all() for one in network.parameters() if one.grad is not None)
