"""Machines against a naive implementation: one sequence, loops over heads and slots, lists of Python floats."""

import math
import re

import pytest
import torch

from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from tests import naive

B, T, F, N, M, C = 2, 4, 3, 5, 4, 6
SIGMA_MIN = 0.15

SHARED = {
    "controller": ["lstm", "gru", "feedforward", "counter_lstm"],
    "counters": [0, 1, 2],
    "number_input": ["hidden", "clamped", "raw"],
    "counter_feedback": [True, False],
    "counter_candidate": ["linear", "tanh"],
    "input_skip": [False, True, {"read": True, "write": False}, {"read": False, "write": True}],
    "read_heads": [1, 2],
    "write_heads": [1, 3],
    "content_addressing": [True, False],
    "memory_init": ["constant", "learned", "random"],
    "output_clip": [None, 0.5],
    "slots": [N, 8],  # of the initial state
}
NTM_CASES = naive.pairwise({**SHARED, "shift_range": [1, 2, 4]})
DMS_CASES = naive.pairwise(
    {
        **SHARED,
        "carry": ["weighting", "position"],
        "motion": ["relative", "hybrid", "anchored"],
        "num_scales": [1, 3],
        "jump_range": [None, 3.0],
        "sigma_init": [0.3, {"read": 0.4, "write": 2.0}],
        "sigma_max": [None, 9.0],
        "sigma_schedule": [
            None,
            {"factor": 3.0, "share": 0.5},
            {"read": {"factor": 3.0, "share": 0.5}, "write": None},
        ],
        "kernel": ["gaussian", "cauchy"],
        "lattice": [0.0, 0.6, {"read": 0.8, "write": 0.0}],
    }
)

#: Values for each head, and an input skip of the head in the middle.
OWN = {
    "read_heads": 3,
    "write_heads": 2,
    "input_skip": {"read": [False, True, False], "write": [True, False]},
}
NTM_CASES.append({**NTM_CASES[0], **OWN})
DMS_CASES += [
    {
        **case,
        **OWN,
        "sigma_init": {"read": [0.4, 2.0, 0.3], "write": 0.5},
        "sigma_max": {"read": [9.0, None, 7.0], "write": [None, 8.0]},
        "sigma_schedule": {"read": [None, {"factor": 3.0, "share": 0.5}, None], "write": None},
        "lattice": {"read": [0.9, 0.0, 0.5], "write": 0.7},
    }
    for case in DMS_CASES[:2]
]


class Take:
    """Takes the raw numbers of a head in order."""

    def __init__(self, raw):
        self.raw = list(raw)

    def some(self, count):
        taken, self.raw = self.raw[:count], self.raw[count:]
        assert len(taken) == count
        return taken

    def one(self):
        return self.some(1)[0]


def of_head(value, options, number):
    """The value of a head, from one for all heads, or a mapping with one, or a list, for each kind."""
    if not isinstance(value, dict) or "read" not in value:
        return value
    reads = options["read_heads"]
    own, at = (value["read"], number) if number < reads else (value["write"], number - reads)
    return own[at] if isinstance(own, list) else own


def flat(rows):
    return [value for row in rows for value in row]


def content_part(take, memory):
    """Raw numbers first: key, beta, gate."""
    key, beta, gate = take.some(M), naive.softplus(take.one()), naive.sigmoid(take.one())
    return naive.content(memory, key, beta), gate


def ntm_head(options, take, memory, before, skip, number):
    """Raw numbers: key, beta, gate (with content), 2 r + 1 shifts, gamma."""
    w, seen = before, {}
    if options["content_addressing"]:
        w_content, seen["gate"] = content_part(take, memory)
        w = naive.interpolate(w_content, w, seen["gate"])
    shifts = take.some(2 * options["shift_range"] + 1)
    w = naive.shift(
        w, naive.softmax([v + seen for v, seen in zip(shifts, skip or [0.0] * len(shifts), strict=True)])
    )
    w = naive.sharpen(w, 1.0 + naive.softplus(take.one()))
    return w, w, seen


def width(options, raw, k, number):
    """sigma of a scale of a head, in the middle of a schedule whose factor is sqrt(3)."""
    initial, most, schedule = (
        of_head(options[name], options, number) for name in ("sigma_init", "sigma_max", "sigma_schedule")
    )
    initial *= 2**k
    if most is None:
        sigma = SIGMA_MIN + naive.softplus(raw + math.log(math.exp(initial - SIGMA_MIN) - 1.0))
    else:
        spread, share = most - SIGMA_MIN, (initial - SIGMA_MIN) / (most - SIGMA_MIN)
        sigma = SIGMA_MIN + spread * naive.sigmoid(raw + math.log(share / (1.0 - share)))
    return sigma * (3.0**0.5 if schedule else 1.0)


def dms_head(options, take, memory, before, skip, number):
    """Raw numbers: key, beta, gate (with content), gamma (weighting), K sigmas, K shares (K > 1), motion."""
    seen, by_weighting, scales = {}, options["carry"] == "weighting", options["num_scales"]
    if options["content_addressing"]:
        w_content, seen["gate"] = content_part(take, memory)
    gamma = 1.0 + naive.softplus(take.one()) if by_weighting else None
    seen["sigma"] = [width(options, raw, k, number) for k, raw in enumerate(take.some(scales))]
    shares = naive.softmax(take.some(scales)) if scales > 1 else [1.0]
    slots, focus = len(memory), getattr(naive, options["kernel"])
    lattice = of_head(options["lattice"], options, number)
    extra = skip[0] if skip else 0.0
    if options["motion"] == "hybrid":
        step = naive.softmax(take.some(3))
        j = seen["jump"] = naive.sigmoid(take.one())
        reach = N / 2 if options["jump_range"] is None else options["jump_range"]
        move = seen["jump_distance"] = reach * math.tanh(take.one()) + extra
    else:
        move = seen["delta"] = take.one() + extra
    if anchored := options["motion"] == "anchored":
        stay, back, start = naive.softmax(take.some(3))
        seen |= {"stay": stay, "to_bookmark": back, "to_start": start}
        store = seen["store"] = naive.sigmoid(take.one())
        head, mark = before
        if by_weighting:
            before = [
                stay * a + back * b + start * (i == 0) for i, (a, b) in enumerate(zip(head, mark, strict=True))
            ]
        else:
            before = stay * head + back * mark
    if not by_weighting:
        if options["motion"] == "hybrid":
            move = (1.0 - j) * (step[2] - step[0]) + j * move
        place = seen["position"] = naive.snap(before + move, lattice)
        w = focus(place, seen["sigma"], shares, slots)
        w = naive.interpolate(w_content, w, seen["gate"]) if "gate" in seen else w
        return w, (place, mark + store * (place - mark)) if anchored else place, seen
    w = naive.interpolate(w_content, before, seen["gate"]) if "gate" in seen else before
    s = focus(naive.snap(move, lattice), seen["sigma"], shares, slots)
    if options["motion"] == "hybrid":
        s = naive.step_or_jump(step, j, s)
    w = naive.sharpen(naive.convolve(w, s), gamma)
    return w, (w, naive.interpolate(w, mark, store)) if anchored else w, seen


def naive_step(cell, options, find, x, state):
    """One step of one sequence; `state` is (controller, memory, heads, reads)."""
    weights = {name: weight.tolist() for name, weight in cell.state_dict().items()}
    start = {"feedforward": "controller.layer.", "counter_lstm": "controller."}.get(
        options["controller"], "controller.layers."
    )
    inner = {name.removeprefix(start): w for name, w in weights.items() if name.startswith(start)}
    controller, memory, heads, reads = state
    h, controller = naive.control(options["controller"], inner, x + flat(reads), controller, options)
    raw = naive.affine(weights["heads.weight"], weights["heads.bias"], h)
    if options["output_clip"] is not None:
        raw = [min(max(v, -options["output_clip"]), options["output_clip"]) for v in raw]
    writers = options["write_heads"]
    each = (len(raw) - 2 * M * writers) // len(heads)
    own = weights.get("skip.weight", [])
    skips = [of_head(options["input_skip"], options, number) for number in range(len(heads))]
    size = len(own) // max(1, sum(skips))
    sums, found = naive.affine(own, [0.0] * len(own), x), []
    for number, before in enumerate(heads):
        take = Take(raw[number * each : (number + 1) * each])
        skip, sums = (sums[:size], sums[size:]) if skips[number] else (None, sums)
        found.append(find(options, take, memory, before, skip, number))
        assert not take.raw
    take = Take(raw[each * len(heads) :])
    writes = [take.some(M) for _ in range(2 * writers)]  # erase, add, erase, add, ...
    erases = [[naive.sigmoid(v) for v in erase] for erase in writes[0::2]]
    ws = [w for w, _, _ in found]
    memory = naive.erase_and_add(memory, ws[-writers:], erases, writes[1::2])
    reads = [naive.read(memory, w) for w in ws[: options["read_heads"]]]
    seen = {name: [one[name] for _, _, one in found] for name in found[0][2]}
    seen |= {"weighting": ws, "erase": erases, "add": writes[1::2], "memory": memory, "read": reads}
    return h + flat(reads), (controller, memory, [place for _, place, _ in found], reads), seen


def close(got, expected):
    torch.testing.assert_close(got, torch.tensor(expected), rtol=1e-9, atol=1e-10)


def assert_heads(got, b, expected):
    if isinstance(got, tuple):  # head and bookmark
        for part, one in zip(got, zip(*expected, strict=True), strict=True):
            close(part[b], list(one))
    else:
        close(got[b], expected)


def compare(cls, find, options, rng):
    arguments = {name: value for name, value in options.items() if name != "slots"}
    cell = cls(F, N, M, controller_size=C, **arguments)
    if options.get("sigma_schedule"):
        cell.at_progress(0.25)
    with torch.no_grad():
        for weight in cell.parameters():
            weight.add_(0.7 * torch.randn(weight.shape, generator=rng))
    x = torch.randn(B, T, F, generator=rng)
    rows = cell.initial_memory.tolist()
    heads = options["read_heads"] + options["write_heads"]
    at_slot_0 = 0.0 if options.get("carry") == "position" else [1.0] + [0.0] * (options["slots"] - 1)
    before = (
        ([0.0] * C, [0.0] * C),
        [rows[i % N] for i in range(options["slots"])],
        [(at_slot_0, at_slot_0) if options.get("motion") == "anchored" else at_slot_0] * heads,
        [[0.0] * M] * options["read_heads"],
    )
    states, state = [before] * B, cell.initial_state(B, options["slots"])
    for t in range(T):
        y, after = cell.step(x[:, t], state)
        y_traced, state, seen = cell.trace(x[:, t], state)
        assert torch.equal(y, y_traced)
        assert torch.equal(after.memory, state.memory)
        for b in range(B):
            expected, states[b], seen_naive = naive_step(cell, options, find, x[b, t].tolist(), states[b])
            close(y[b], expected)
            close(after.memory[b], states[b][1])
            assert_heads(after.heads, b, states[b][2])
            close(after.reads[b], states[b][3])
            assert seen.keys() == seen_naive.keys()
            for name in seen:
                close(seen[name][b], seen_naive[name])
            torch.testing.assert_close(seen["weighting"].sum(-1), torch.ones(B, heads))


def name(options):
    return "-".join(re.sub("[^a-z0-9.]+", "_", str(value)) for value in options.values())


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", NTM_CASES, ids=name)
def test_ntm(rng, options):
    compare(NTM, ntm_head, {"numbers": (2, 0), **options}, rng)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", DMS_CASES, ids=name)
def test_dms_ntm(rng, options):
    compare(DMSNTM, dms_head, {"sigma_min": SIGMA_MIN, "numbers": (1,), **options}, rng)


def test_the_number_of_cases():
    assert len(NTM_CASES) + len(DMS_CASES) <= 50
