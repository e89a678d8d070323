"""Machines against a naive implementation: one sequence, loops over heads and slots, lists of Python floats."""

import math

import pytest
import torch

from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from tests import naive

B, T, F, N, M, C = 2, 4, 3, 5, 4, 6
SIGMA_MIN = 0.15

SHARED = {
    "controller": ["lstm", "gru", "feedforward"],
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
        "motion": ["relative", "hybrid"],
        "num_scales": [1, 3],
        "jump_range": [None, 3.0],
        "sigma_init": [0.3, 2.0],
    }
)


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


def flat(rows):
    return [value for row in rows for value in row]


def content_part(take, memory):
    """Raw numbers first: key, beta, gate."""
    key, beta, gate = take.some(M), naive.softplus(take.one()), naive.sigmoid(take.one())
    return naive.content(memory, key, beta), gate


def ntm_head(options, take, memory, before):
    """Raw numbers: key, beta, gate (with content), 2 r + 1 shifts, gamma."""
    w, seen = before, {}
    if options["content_addressing"]:
        w_content, seen["gate"] = content_part(take, memory)
        w = naive.interpolate(w_content, w, seen["gate"])
    w = naive.shift(w, naive.softmax(take.some(2 * options["shift_range"] + 1)))
    w = naive.sharpen(w, 1.0 + naive.softplus(take.one()))
    return w, w, seen


def dms_head(options, take, memory, before):
    """Raw numbers: key, beta, gate (with content), gamma (weighting), K sigmas, K shares (K > 1), motion."""
    seen, by_weighting, scales = {}, options["carry"] == "weighting", options["num_scales"]
    if options["content_addressing"]:
        w_content, seen["gate"] = content_part(take, memory)
    gamma = 1.0 + naive.softplus(take.one()) if by_weighting else None
    seen["sigma"] = []
    for k, raw in enumerate(take.some(scales)):
        bias = math.log(math.exp(options["sigma_init"] * 2**k - SIGMA_MIN) - 1.0)
        seen["sigma"].append(SIGMA_MIN + naive.softplus(raw + bias))
    shares = naive.softmax(take.some(scales)) if scales > 1 else [1.0]
    slots = len(memory)
    if options["motion"] == "relative":
        move = seen["delta"] = take.one()
    else:
        step = naive.softmax(take.some(3))
        j = seen["jump"] = naive.sigmoid(take.one())
        reach = N / 2 if options["jump_range"] is None else options["jump_range"]
        move = seen["jump_distance"] = reach * math.tanh(take.one())
    if not by_weighting:
        if options["motion"] == "hybrid":
            move = (1.0 - j) * (step[2] - step[0]) + j * move
        place = seen["position"] = before + move
        w = naive.gaussian(place, seen["sigma"], shares, slots)
        return naive.interpolate(w_content, w, seen["gate"]) if "gate" in seen else w, place, seen
    w = naive.interpolate(w_content, before, seen["gate"]) if "gate" in seen else before
    s = naive.gaussian(move, seen["sigma"], shares, slots)
    if options["motion"] == "hybrid":
        s = naive.step_or_jump(step, j, s)
    w = naive.sharpen(naive.convolve(w, s), gamma)
    return w, w, seen


def naive_step(cell, options, find, x, state):
    """One step of one sequence; `state` is (controller, memory, heads, reads)."""
    weights = {name: weight.tolist() for name, weight in cell.state_dict().items()}
    start = "controller.layer." if options["controller"] == "feedforward" else "controller.layers."
    inner = {name.removeprefix(start): w for name, w in weights.items() if name.startswith(start)}
    controller, memory, heads, reads = state
    h, controller = naive.control(options["controller"], inner, x + flat(reads), controller)
    raw = naive.affine(weights["heads.weight"], weights["heads.bias"], h)
    if options["output_clip"] is not None:
        raw = [min(max(v, -options["output_clip"]), options["output_clip"]) for v in raw]
    writers = options["write_heads"]
    each = (len(raw) - 2 * M * writers) // len(heads)
    found = []
    for number, before in enumerate(heads):
        take = Take(raw[number * each : (number + 1) * each])
        found.append(find(options, take, memory, before))
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


def compare(cls, find, options, rng):
    arguments = {name: value for name, value in options.items() if name != "slots"}
    cell = cls(F, N, M, controller_size=C, **arguments)
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
        [at_slot_0] * heads,
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
            close(after.heads[b], states[b][2])
            close(after.reads[b], states[b][3])
            assert seen.keys() == seen_naive.keys()
            for name in seen:
                close(seen[name][b], seen_naive[name])
            torch.testing.assert_close(seen["weighting"].sum(-1), torch.ones(B, heads))


def name(options):
    return "-".join(str(value) for value in options.values())


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", NTM_CASES, ids=name)
def test_ntm(rng, options):
    compare(NTM, ntm_head, options, rng)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("options", DMS_CASES, ids=name)
def test_dms_ntm(rng, options):
    compare(DMSNTM, dms_head, {"sigma_min": SIGMA_MIN, **options}, rng)


def test_the_number_of_cases():
    assert len(NTM_CASES) + len(DMS_CASES) <= 40
