"""The layout of a head's raw numbers: names, sizes and biases; cell and kernels read the same offsets."""

import itertools
import math
from functools import partial

import pytest
import torch

from src.cells.by_head import ByHead
from src.cells.dms_ntm import DMSNTM
from src.cells.layout import Field, Layout
from src.cells.ntm import NTM
from src.engines.numba_cpu.autograd import KernelSettings
from src.engines.numba_cpu.machine_kinds import kind_of
from src.engines.numba_cpu.plan import LSTM, FieldStarts

F, N, M, C = 3, 8, 4, 6
CONTENT = {"key": M, "beta": 1, "gate": 1}
BIASES = {"beta_bias": 0.25, "gate_bias": -0.5}


def product(**options):
    return [dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())]


#: Every combination of the options that a layout depends on.
NTMS = product(content_addressing=[True, False], shift_range=[1, 2])
DMS_NTMS = product(
    content_addressing=[True, False],
    carry=["weighting", "position"],
    motion=["relative", "hybrid"],
    num_scales=[1, 3],
)
COMBINATIONS = [*((NTM, one) for one in NTMS), *((DMSNTM, one) for one in DMS_NTMS)]
each = pytest.mark.parametrize(("cls", "options"), COMBINATIONS)


def make(cls, options):
    return cls(F, N, M, controller_size=C, engine="reference", **BIASES, **options)


def expected_sizes(cls, options):
    """Written out by hand: published checkpoints depend on this order."""
    sizes = CONTENT if options["content_addressing"] else {}
    if cls is NTM:
        return sizes | {"shift": 2 * options["shift_range"] + 1, "gamma": 1}
    k = options["num_scales"]
    sharpening = {"gamma": 1} if options["carry"] == "weighting" else {}
    widths = {"sigma": k, "mixture": k} if k > 1 else {"sigma": k}
    motion = {"delta": 1} if options["motion"] == "relative" else {"step": 3, "jump": 1, "jump_distance": 1}
    return sizes | sharpening | widths | motion


def slices(layout):
    """The offsets of the raw numbers of one head, by name, without squashing."""
    bare = Layout(*(field._replace(squash=lambda raw: raw) for field in layout.fields))
    return vars(bare.read(torch.arange(float(layout.size)).view(1, 1, -1)))


@each
def test_names_and_sizes(cls, options):
    layout, sizes = make(cls, options).layout, expected_sizes(cls, options)
    assert [field.name for field in layout.fields] == list(sizes)
    assert layout.sizes == list(sizes.values())
    assert layout.size == sum(sizes.values())


@each
def test_biases(cls, options):
    known = {
        "beta": [0.25],
        "gate": [-0.5],
        "delta": [1.0],
        "step": [0.0, 0.0, 2.0],
        "jump": [-4.0],
        "shift": [2.0 if i == options.get("shift_range", 0) + 1 else 0.0 for i in range(5)],
    }
    cell, sizes = make(cls, options), expected_sizes(cls, options)
    expected = [bias for name, n in sizes.items() for bias in known.get(name, [0.0] * n)[:n]]
    assert cell.layout.biases().tolist() == expected
    numbers = cell.heads.bias[: 2 * cell.layout.size].view(2, -1)
    assert numbers.tolist() == [expected] * 2


def test_biases_by_head():
    """A field has one bias, one for each of its numbers, or either by head."""
    vectors = ByHead([(0.0, 1.0), (2.0, 3.0)])
    layout = Layout(Field("one", bias=ByHead([4.0, 5.0])), Field("two", 2, bias=vectors), Field("all", bias=6.0))
    assert [layout.biases(head).tolist() for head in (0, 1)] == [[4.0, 0.0, 1.0, 6.0], [5.0, 2.0, 3.0, 6.0]]


@each
def test_kernels_read_the_same_offsets_as_the_cell(cls, options):
    cell = make(cls, options)
    found = KernelSettings(cell, kind_of(cls), LSTM, C, N, torch.zeros(1).numpy().dtype).plan
    read = slices(cell.layout)
    assert {name for name in FieldStarts._fields if getattr(found.start, name) >= 0} == read.keys()
    for name, places in read.items():
        start = getattr(found.start, name)
        assert places.flatten().tolist() == list(range(start, start + places.numel()))
    assert found.head_size == cell.layout.size
    absent = [start for name, start in found.start._asdict().items() if name not in read]
    assert set(absent) <= {-1}


@each
def test_squashed_numbers(cls, options):
    cell = make(cls, options)
    raw = torch.linspace(-3, 3, 2 * 2 * cell.layout.size).view(2, 2, -1)
    numbers = vars(cell.layout.read(raw))
    softplus, jump_range = torch.nn.functional.softplus, N / 2
    expected = {
        "key": lambda x: x,
        "beta": softplus,
        "gate": torch.sigmoid,
        "shift": partial(torch.softmax, dim=2),
        "gamma": lambda x: 1 + softplus(x),
        "sigma": lambda x: 0.1 + softplus(x + torch.tensor([math.log(math.expm1(w)) for w in widths(options)])),
        "mixture": partial(torch.softmax, dim=2),
        "delta": lambda x: x,
        "step": partial(torch.softmax, dim=2),
        "jump": torch.sigmoid,
        "jump_distance": lambda x: jump_range * torch.tanh(x),
    }
    start = 0
    for name, n in expected_sizes(cls, options).items():
        value = expected[name](raw[..., start : start + n])
        wide = name in ("key", "shift", "sigma", "mixture", "step")
        torch.testing.assert_close(numbers[name], value if wide else value.squeeze(2))
        start += n


def widths(options):
    """Initial sigma above its minimum: sigma_init 2^k - sigma_min."""
    return [0.5 * 2**k - 0.1 for k in range(options["num_scales"])]


@each
def test_numbers_in_a_trace(cls, options):
    cell = make(cls, options)
    raw = torch.zeros(2, 2, cell.layout.size)
    names = {"gate", "sigma", "delta", "jump", "jump_distance"} & expected_sizes(cls, options).keys()
    assert cell.layout.shown(cell.layout.read(raw)).keys() == names


def test_a_field_that_the_kernels_do_not_support_is_an_error():
    layout = Layout(Field("key", M), Field("temper"))
    with pytest.raises(TypeError, match="temper"):
        FieldStarts(**layout.starts)


def test_a_scalar_has_no_dimension_and_a_vector_of_one_number_has():
    layout = Layout(Field("one"), Field("vector", 1))
    numbers = layout.read(torch.zeros(2, 3, 2))
    assert numbers.one.shape == (2, 3)
    assert numbers.vector.shape == (2, 3, 1)
    assert not hasattr(numbers, "none")


def test_two_fields_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two fields of one name: key, key"):
        Layout(Field("key", M), Field("key", M))


def test_a_wrong_number_of_biases_is_refused():
    layout = Layout(Field("shift", 3, bias=(0.0, 1.0)))
    with pytest.raises(ValueError, match="shift: 2 biases for 3 numbers"):
        layout.biases()


def test_raw_numbers_that_do_not_fit_the_layout():
    with pytest.raises(RuntimeError, match="split"):
        Layout(Field("one")).read(torch.zeros(2, 3, 2))


@pytest.mark.usefixtures("unchecked_types")
def test_the_layout_of_a_copied_machine_reads_the_copy():
    """A squashing function bound to the machine is bound to the copy after deepcopy."""
    import copy

    cell = make(DMSNTM, DMS_NTMS[0])
    other = copy.deepcopy(cell)
    other.sigma_bias.fill_(50.0)
    raw = torch.zeros(1, 1, cell.layout.size)
    assert (other.layout.read(raw).sigma > 50).all()
    assert (cell.layout.read(raw).sigma < 1).all()
