"""The DNC: against naive loops, its invariants and limits, and what each option does."""

import inspect
import math

import pytest
import torch

from src.cells.dnc import DNC, DNCState
from src.common.checks import Refusal
from src.networks.recurrent import Recurrent
from src.settings.idle_options import warn
from tests import naive_dnc

B, F, N, M, R, C = 3, 4, 7, 5, 2, 6
OPTIONS = ("mask_keys", "erase_freed", "sharpen_links")
each_option = pytest.mark.parametrize("options", [(), *((one,) for one in OPTIONS), OPTIONS], ids="+".join)


def make(**options):
    given = {"memory_slots": N, "word_size": M, "read_heads": R, "controller_size": C, "engine": "reference"}
    torch.manual_seed(0)  # the same weights and memory whichever tests ran before
    return DNC(F, **{**given, **options})


def memories(rng, batch=B, slots=N):
    """The memory part of a state as it may be after some steps: usage, precedence, weightings in their ranges."""

    def uniform(*shape):
        return torch.rand(*shape, generator=rng, dtype=torch.float64)

    weightings = [0.9 * uniform(batch, heads, slots).mul(4).softmax(2) for heads in (1, 1, R)]
    return [
        uniform(batch, slots, M) - 0.5,
        uniform(batch, slots),
        weightings[0][:, 0],
        uniform(batch, slots, slots) / slots * (1 - torch.eye(slots, dtype=torch.float64)),
        weightings[1][:, 0],
        weightings[2],
    ]


def accessed(cell, raw, memory):
    """The memory part of the state after a step, without the reads, and the reads."""
    none = raw.new_zeros(len(raw), R, M)
    _, *after, reads = cell.access(cell.layout.read(raw), DNCState((), *memory, none))
    return after, reads


def raw_of(cell, rng):
    return 2 * torch.randn(B, cell.layout.size, generator=rng, dtype=torch.float64)


@each_option
def test_values_against_naive_loops(rng, options):
    cell = make(**dict.fromkeys(options, True))
    raw, memory = raw_of(cell, rng), memories(rng)
    for _ in range(3):
        after, reads = accessed(cell, raw, memory)
        for row in range(B):
            given = [one[row].tolist() for one in memory]
            expected, expected_reads = naive_dnc.access(raw[row].tolist(), given, **dict.fromkeys(options, True))
            for got, one in zip((*after, reads), (*expected, expected_reads), strict=True):
                torch.testing.assert_close(got[row], torch.tensor(one, dtype=torch.float64), rtol=1e-9, atol=1e-11)
        raw, memory = raw_of(cell, rng), after


@each_option
def test_gradients_against_naive_loops(rng, options):
    """The sum of all results with random factors, by autograd through the loops on scalars."""
    cell = make(**dict.fromkeys(options, True))
    leaves = [one.requires_grad_() for one in (raw_of(cell, rng), *memories(rng))]
    after, reads = accessed(cell, leaves[0], leaves[1:])
    factors = [torch.randn(one.shape, generator=rng, dtype=torch.float64) for one in (*after, reads)]
    loss = sum((one * factor)[0].sum() for one, factor in zip((*after, reads), factors, strict=True))
    got = torch.autograd.grad(loss, leaves)

    def scalars(one):
        return [scalars(part) for part in one] if one.dim() else one

    def total(one, factor):
        if isinstance(one, list):
            return sum(total(part, factor[i]) for i, part in enumerate(one))
        return one * factor

    expected, read = naive_dnc.access(*_first(leaves, scalars), **dict.fromkeys(options, True))
    loss = sum(total(one, factor[0]) for one, factor in zip((*expected, read), factors, strict=True))
    for one, other in zip(got, torch.autograd.grad(loss, leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-10)


def _first(leaves, scalars):
    raw, *memory = [scalars(one[0]) for one in leaves]
    return raw, memory


def test_the_output_is_that_of_the_controller_and_the_reads(rng):
    cell = make().double()
    x, state = torch.randn(B, F, generator=rng, dtype=torch.float64), cell.initial_state(B)
    y, after = cell(x, state)
    h, controller = cell.controller(torch.cat([x, state.reads.flatten(1)], 1), state.controller)
    torch.testing.assert_close(y, torch.cat([h, after.reads.flatten(1)], 1))
    torch.testing.assert_close(after.controller, controller)
    raw = cell.interface(h)
    torch.testing.assert_close(list(after[1:]), list(cell.access(cell.layout.read(raw), state)[1:]))


@each_option
@pytest.mark.parametrize("slots", [1, N, 2 * N + 1])
def test_invariants(rng, options, slots):
    """After many steps with large numbers: shares stay shares, and no slot follows itself."""
    cell = make(**dict.fromkeys(options, True)).double()
    with torch.no_grad():
        for weight in cell.parameters():
            weight.mul_(8)
    state = cell.initial_state(B, slots)
    for _ in range(40):
        _, state = cell(torch.randn(B, F, generator=rng, dtype=torch.float64), state)
        shares = [state.w_write, state.w_read, state.precedence, state.links, state.links.transpose(1, 2)]
        for one in shares:
            assert (one >= -1e-12).all()
            assert (one.sum(-1) <= 1 + 1e-9).all()
        assert ((state.usage >= 0) & (state.usage <= 1 + 1e-12)).all()
        assert (state.links.diagonal(dim1=1, dim2=2) == 0).all()
    assert state.memory.shape == (B, slots, M)


def set_to(cell, **numbers):
    """Raw numbers [1, P] whose parts have these values; the others are 0."""
    raw, layout = torch.zeros(1, cell.layout.size), cell.layout
    parts = dict(zip(("key", "add", "strengths", "gates", "modes"), raw.split(layout.sizes, 1), strict=True))
    names = ("erase", "free", "allocation", "write", "mask")
    parts |= dict(zip(names, parts["gates"].split(layout.gates, 1), strict=True))
    parts |= dict(zip(("beta", "sharpness"), parts["strengths"].split(layout.strengths, 1), strict=True))
    for name, value in numbers.items():
        parts[name][:] = torch.as_tensor(value)
    return raw


YES, NO, SHARP = 30.0, -30.0, 100.0


def plain():
    """A DNC with one read head, and its initial state."""
    cell = make(read_heads=1, memory_init="random")
    return cell, cell.initial_state(1)


def stepped(cell, state, **numbers):
    return cell.access(cell.layout.read(set_to(cell, **numbers)), state)


def test_it_writes_to_free_slots_and_reads_in_the_order_of_writing():
    """Three words are written to three slots; then the read head follows the links forward, and back."""
    cell, state = plain()
    words = torch.eye(M)[:3]
    for word in words:
        state = stepped(cell, state, add=word, erase=YES, allocation=YES, write=YES, free=NO)
    assert state.w_write[0].round().tolist() == [0, 0, 1, 0, 0, 0, 0]
    torch.testing.assert_close(state.links[0].round(), torch.zeros(N, N).index_put(
        (torch.tensor([1, 2]), torch.tensor([0, 1])), torch.tensor(1.0)))  # fmt: skip
    state = stepped(
        cell, state, key=torch.cat([words[0], words[0]]), beta=SHARP, modes=[NO, YES, NO], write=NO, free=NO
    )
    found = [state.reads[0, 0]]
    for modes in ([NO, NO, YES], [NO, NO, YES], [YES, NO, NO]):
        state = stepped(cell, state, modes=modes, write=NO, free=NO)
        found.append(state.reads[0, 0])
    torch.testing.assert_close(torch.stack(found), words[[0, 1, 2, 1]], rtol=0, atol=1e-5)


def test_a_freed_slot_is_the_next_to_be_written():
    cell, state = plain()
    words = torch.linalg.qr(torch.randn(M, M, generator=torch.Generator().manual_seed(1))).Q
    for word in (*words, -words[0], -words[1]):
        state = stepped(cell, state, add=word, erase=YES, allocation=YES, write=YES, free=NO)
    assert state.usage[0].round().tolist() == [1] * (N - 1) + [0]
    key = words[[3, 3]].flatten()
    state = stepped(cell, state, key=key, beta=YES, modes=[NO, YES, NO], write=NO, free=NO)
    state = stepped(cell, state, allocation=YES, write=YES, free=YES)
    assert state.usage[0].round().tolist() == [1, 1, 1, 0, 1, 1, 1]
    assert state.w_write[0].round().tolist() == [0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("erased", [False, True])
def test_erase_freed_erases_the_words_of_freed_slots(erased):
    """Without it, the word is still found by its content."""
    cell = make(read_heads=1, erase_freed=erased, output_clip=None)
    word = torch.eye(M)[0]
    state = stepped(cell, cell.initial_state(1), add=word, erase=YES, allocation=YES, write=YES, free=NO)
    look_up = {"key": torch.cat([word, word]), "beta": YES, "modes": [NO, YES, NO], "write": NO}
    state = stepped(cell, state, **look_up, free=NO)
    assert state.w_read[0, 0, 0] > 0.99
    state = stepped(cell, state, **look_up, free=YES)
    assert (state.memory[0, 0].abs().max() < 1e-6) == erased


def test_mask_keys_compares_some_elements_alone():
    """A key with one element that matters: the words agree with it there, and differ elsewhere."""
    found = []
    for masked in (False, True):
        cell = make(read_heads=1, mask_keys=masked, output_clip=None)
        memory = torch.zeros(1, N, M)
        memory[:, 2] = torch.tensor([1.0, -9.0, -9.0, -9.0, -9.0])
        memory[:, 4] = torch.tensor([-0.1, 1.0, 1.0, 1.0, 1.0])
        key, mask = torch.tensor([1.0, 0.5, 0.5, 0.5, 0.5]), torch.tensor([YES, NO, NO, NO, NO])
        options = {"mask": torch.cat([mask, mask])} if masked else {}
        state = cell.initial_state(1)._replace(memory=memory)
        given = {"key": torch.cat([key, key]), "beta": 50.0, "modes": [NO, YES, NO], "write": NO}
        found.append(stepped(cell, state, **given, **options).w_read[0, 0])
    assert [one.argmax() for one in found] == [4, 2]
    assert found[1][2] > 0.999


def test_masks_of_ones_change_nothing(rng):
    masked, unmasked = make(mask_keys=True), make()
    raw, memory = raw_of(unmasked, rng), memories(rng)
    before_modes = raw.shape[1] - 3 * R
    ones = torch.full((B, (R + 1) * M), 40.0, dtype=torch.float64)
    more = torch.cat([raw[:, :before_modes], ones, raw[:, before_modes:]], 1)
    torch.testing.assert_close(accessed(masked, more, memory), accessed(unmasked, raw, memory))


def test_sharpen_links_makes_a_blurred_link_sharp():
    """A link of 0.6 to one slot and 0.4 to another."""
    found = []
    for power in (None, 0.0, 5.0):
        cell = make(read_heads=1, sharpen_links=power is not None)
        links = torch.zeros(1, N, N)
        links[0, 1, 0], links[0, 2, 0] = 0.6, 0.4
        w_read = torch.zeros(1, 1, N).index_fill(2, torch.tensor([0]), 1.0)
        state = cell.initial_state(1)._replace(links=links, w_read=w_read)
        options = {} if power is None else {"sharpness": power}
        found.append(stepped(cell, state, modes=[NO, NO, YES], write=NO, **options).w_read[0, 0, 1].item())
    power = 1 + math.log1p(math.exp(0.0)), 1 + math.log1p(math.exp(5.0))
    expected = [0.6, *(0.6**p / (0.6**p + 0.4**p) for p in power)]
    assert found == pytest.approx(expected, abs=1e-4)


@each_option
def test_the_zero_state_gives_finite_gradients(options):
    """Memory, usage, links and weightings of zero; also usages of exactly 1, and a key of zeros."""
    cell = make(memory_init="constant", **dict.fromkeys(options, True))
    with torch.no_grad():
        cell.initial_memory.zero_()
    zero = cell.initial_state(B)
    full = zero._replace(usage=torch.ones(B, N), w_write=torch.eye(N)[:B])
    for state in (zero, full):
        raw = torch.zeros(B, cell.layout.size, requires_grad=True)
        leaves = [raw, *(one.clone().requires_grad_() for one in state[1:-1])]
        _, *after = cell.access(cell.layout.read(raw), DNCState((), *leaves[1:], state.reads))
        gradients = torch.autograd.grad(sum(one.square().sum() + one.sum() for one in after), leaves)
        assert all(one.isfinite().all() for one in (*after, *gradients))


def test_the_numbers_of_a_trace(rng):
    """A gate or a mode that a head lacks is NaN; those of a read head and of the write head are its own."""
    cell = make()
    x, state = torch.randn(B, F, generator=rng), cell.initial_state(B)
    _, after, seen = cell.trace(x, state)
    assert cell.read_heads + cell.write_heads == R + 1
    torch.testing.assert_close(seen["weighting"], torch.cat([after.w_read, after.w_write.unsqueeze(1)], 1))
    for name in ("free", "backward", "content", "forward"):
        assert seen.numbers[name].isnan().tolist() == [[False] * R + [True]] * B
    for name in ("allocation", "write"):
        assert seen.numbers[name].isnan().tolist() == [[True] * R + [False]] * B
    modes = sum(seen.numbers[name][:, :R] for name in ("backward", "content", "forward"))
    torch.testing.assert_close(modes, torch.ones(B, R))
    assert seen.others.keys() == {"usage", "links"}
    torch.testing.assert_close(seen["usage"], after.usage)


@pytest.mark.parametrize("init", ["constant", "learned", "random"])
def test_more_slots_repeat_the_rows_of_the_initial_memory(init):
    cell = make(memory_init=init)
    state = cell.initial_state(B, 2 * N + 1)
    torch.testing.assert_close(state.memory[:, [0, N, 2 * N]], state.memory[:, [0, 0, 0]])
    assert state.links.shape == (B, 2 * N + 1, 2 * N + 1)
    y, after = Recurrent(cell, 2)(torch.zeros(B, 3, F), state)
    assert (y.shape, after.usage.shape) == ((B, 3, 2), (B, 2 * N + 1))


def test_a_state_that_does_not_fit_is_refused():
    cell = make()
    state = cell.initial_state(B)
    with pytest.raises(ValueError, match=rf"state.usage is \[{B}, {N - 1}\]: must be \[{B}, {N}\]"):
        cell.check(torch.zeros(B, 2, F), state._replace(usage=state.usage[:, 1:]))


WHOLE = ["abc", None, 2.5, True, 0, -3]
FLAG = ["abc", 1, None]
REFUSED = {
    **dict.fromkeys(
        ("input_size", "memory_slots", "word_size", "read_heads", "controller_size"),
        ("an integer of at least 1", WHOLE),
    ),
    "counters": ("an integer of at least 0", ["abc", None, 2.5, True, -3]),
    "controller": ("one of lstm, gru, feedforward, counter_lstm", ["rnn", None, 1]),
    "number_input": ("one of hidden, clamped, raw", ["shown", None]),
    "counter_feedback": ("true or false", FLAG),
    "counter_candidate": ("one of linear, tanh", ["sigmoid", None]),
    "memory_init": ("one of constant, learned, random", ["zeros", None]),
    "output_clip": ("a finite number above 0 and of at most 1e+06", ["abc", True, 0, -1.0, math.nan]),
    **dict.fromkeys(OPTIONS, ("true or false", FLAG)),
    "engine": ("one of auto, fused, reference", ["fast", None]),
    "numbers": (f"a list of integers from 0 to {F - 1}", [(F,), (-1,), "abc", None, (True,)]),
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("key", REFUSED)
def test_refusals(key):
    allowed, values = REFUSED[key]
    for value in values:
        with pytest.raises(Refusal) as refusal:
            DNC(**{"input_size": F, key: value})
        assert str(refusal.value).partition("; did you mean")[0] == f"{key}={value!r}: must be {allowed}"
    assert set(inspect.signature(DNC).parameters) == REFUSED.keys()


@pytest.mark.usefixtures("unchecked_types")
def test_an_invalid_number_of_slots_is_refused():
    with pytest.raises(Refusal, match="memory_slots=0: must be an integer of at least 1"):
        make().initial_state(B, 0)


def test_options_of_a_counter_without_one_are_warned_of(caplog):
    warn({"controller": "lstm", "counters": 5}, make(counters=5))
    assert caplog.messages == ["model.counters=5 has no effect with model.controller=lstm."]
