"""Choice of the engine: an engine is added by registration alone, without changes of cells or networks."""

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from src.cells.base import Cell
from src.cells.controllers import CONTROLLERS
from src.cells.dms_ntm import DMSNTM
from src.cells.gru import GRUState
from src.cells.layout import Field, Layout, softmax
from src.cells.lstm import LSTM
from src.cells.machine import Machine
from src.cells.min_gru import MinGRU
from src.cells.ntm import NTM
from src.common.checks import Refusal
from src.engines import choose
from src.engines.base import Engine
from src.engines.numba_cpu import kernels, machine_kinds
from src.engines.numba_cpu.machine_kinds import KINDS, REIMPLEMENTED
from src.networks.recurrent import Recurrent
from src.settings import build
from src.settings.errors import ConfigError
from tests.engines.fused_cases import OUTPUTS, F, network

SIZES = {"memory_slots": 5, "word_size": 4, "controller_size": 7}
X = torch.zeros(2, 3, F)


class Doubling(Engine):
    """An engine for LSTMs and machines on one device in one dtype; outputs are twice those of the reference."""

    name = "doubling"

    def __init__(self, device="cpu", dtype=torch.float32):
        self.device, self.dtype, self.calls, self.events = device, dtype, 0, []

    def knows(self, cell):
        return None if isinstance(cell, LSTM | Machine) else "it is neither an LSTM nor a machine"

    def covers(self, cell, device, dtype):
        return None if (device.type, dtype) == (self.device, self.dtype) else "another device or dtype"

    @contextmanager
    def prepared(self, cell):
        self.events.append("begins")
        yield
        self.events.append("ends")

    def sequence(self, cell, x, state):
        self.calls += 1
        y, state = choose.REFERENCE.sequence(cell, x, state)
        return 2.0 * y, state


@pytest.fixture
def registered(monkeypatch):
    """A function that registers an engine as the first in the list."""

    def register(engine):
        monkeypatch.setattr(choose, "ENGINES", [engine, *choose.ENGINES])
        return engine

    return register


@pytest.mark.parametrize(
    "cell", [lambda: LSTM(F, 7), lambda: NTM(F, **SIZES), lambda: NTM(F, **SIZES, engine="fused")]
)
def test_a_network_runs_with_a_registered_engine(registered, cell):
    engine = registered(Doubling())
    net = Recurrent(cell(), OUTPUTS)
    net.readout = nn.Identity()
    with net.prepared():
        doubled, state = net(X)
        doubled_again, _ = net(X, state)
    assert (engine.calls, engine.events) == (2, ["begins", "ends"])
    expected, state = choose.REFERENCE.sequence(net.cell, X, None)
    assert torch.equal(doubled, 2.0 * expected)
    assert torch.equal(doubled_again, 2.0 * choose.REFERENCE.sequence(net.cell, X, state)[0])


def test_the_engine_depends_on_the_dtype_of_each_sequence(registered, caplog):
    engine = registered(Doubling(dtype=torch.bfloat16))
    net = Recurrent(NTM(F, **SIZES), OUTPUTS)
    net(X)
    assert engine.calls == 0
    net.bfloat16()(X.bfloat16())
    assert engine.calls == 1
    assert caplog.messages == []


def test_the_choice_of_a_network_overrides_that_of_its_cell(registered):
    engine = registered(Doubling())
    for net in (Recurrent(NTM(F, **SIZES), OUTPUTS, "reference"), Recurrent(LSTM(F, 7), OUTPUTS, "reference")):
        net(X)
        assert (net.engine, engine.calls) == ("reference", 0)
    assert Recurrent(LSTM(F, 7), OUTPUTS, "fused").engine == "doubling"
    with pytest.raises(Refusal, match=r"^engine='fast': must be one of auto, fused, reference$"):
        Recurrent(LSTM(F, 7), OUTPUTS, "fast")


@pytest.mark.parametrize(("device", "engine"), [("cuda", "fused"), ("mps", "reference")])
def test_a_configuration_gets_the_engine_of_its_device(registered, monkeypatch, device, engine):
    """The engine, not a setting, says which device it supports."""
    cell = NTM(F, **SIZES)
    cfg = {"model": {"engine": "auto"}, "trainer": {"accelerator": "gpu"}}
    assert build.choose_engine(cfg, cell) == "reference"
    registered(Doubling(device))
    assert (build.choose_engine(cfg, cell) or "fused") == engine


class Subclass(NTM):
    """A subclass of a supported machine that overrides address."""

    def address(self, raw, memory, before):
        w, heads, seen = super().address(raw, memory, before)
        return w.roll(1, 2), heads, seen


class Unrelated(Machine):
    """A machine that is a subclass of no supported kind."""

    def __init__(self, engine):
        super().__init__(F, 5, 4, "lstm", 7, 1, 1, False, 0.0, 0.0, "constant", None, engine)

    def head_layout(self):
        return Layout(Field("weighting", 5, softmax))

    def initial_heads(self, batch_size, slots):
        return self.initial_memory.new_zeros(batch_size, self.num_heads)

    def address(self, raw, memory, before):
        return self.layout.read(raw).weighting, before, {}


class Summing(Cell):
    """A controller that the kernels do not support, with the layers of an LSTM."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.output_size = input_size, hidden_size
        self.layers = nn.LSTM(input_size, hidden_size, batch_first=True)

    def initial_state(self, batch_size, memory_slots=None):
        return GRUState((torch.zeros(batch_size, self.output_size),))

    def step(self, x, state):
        h = state.hidden[0] + x.sum(1, keepdim=True)
        return h, GRUState((h,))


class WithSumming(NTM):
    """A machine with that controller."""

    def __init__(self, engine):
        super().__init__(F, **SIZES, controller="summing", engine=engine)


UNKNOWN = {
    "a subclass": (
        lambda engine: Subclass(F, **SIZES, engine=engine),
        "Subclass.address is hooked, parametrised or replaced",
    ),
    "a kind": (Unrelated, "Unrelated is no kind of machine that the kernels know"),
    "a controller": (WithSumming, "Summing is no controller that the kernels know"),
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("kind", UNKNOWN)
def test_unsupported_machines_run_with_the_reference_engine_or_are_refused(kind, monkeypatch, caplog):
    monkeypatch.setitem(CONTROLLERS, "summing", Summing)
    made, why = UNKNOWN[kind]
    net = Recurrent(made("auto"), OUTPUTS)
    y, _ = net(X)
    assert net.engine == "reference"
    assert torch.equal(y, Recurrent.forward(_by_reference(net), X)[0])
    assert caplog.messages == [f"engine=auto takes the reference engine, which is slow: {why}"]  # once
    with pytest.raises(Refusal) as refusal:
        Recurrent(made("fused"), OUTPUTS)
    assert str(refusal.value) == f"engine='fused': must be auto or reference on this machine: {why}"


def _by_reference(net):
    net.cell.engine = "reference"
    return net


@pytest.mark.usefixtures("unchecked_types")
def test_a_controller_replaced_by_an_unsupported_one(caplog):
    """The layers of an LSTM do not make a controller an LSTM."""
    net = network(NTM, {**SIZES, "engine": "fused"}, torch.float32)
    summing = Summing(F + 4, 7)
    summing.layers = net.cell.controller.layers
    net.cell.controller = summing
    y, _ = net(X)
    assert torch.equal(y, _by_reference(net)(X)[0])
    expected = "controller is hooked, parametrised or replaced: the reference engine runs it, slower."
    assert caplog.messages == [expected]


def test_a_subclass_that_overrides_no_equation_is_supported(caplog):
    class Named(NTM):
        """A subclass without changes."""

    net = Recurrent(Named(F, **SIZES, engine="fused"), OUTPUTS)
    assert choose.engine_for(net.cell, "fused") in choose.ENGINES
    assert caplog.messages == []


#: Methods of machines that do not change what the kernels compute.
HARMLESS = {"__init__", "initial_state", "any_weight", "_state_shapes", "changed_options", "at_progress"}


@pytest.mark.parametrize("base", [NTM, DMSNTM])
def test_every_equation_that_a_subclass_may_override_is_known(base):
    """A method of a machine is reimplemented by the kernels, or listed here as harmless."""
    methods = {
        name
        for cls in (base, Machine)
        for name, value in vars(cls).items()
        if callable(value) or isinstance(value, property)
    }
    assert methods - HARMLESS <= REIMPLEMENTED
    own = type("Own", (base,), {name: getattr(base, name) for name in ("content_fields",)})
    assert machine_kinds.unknown_class(own) == "Own.content_fields is hooked, parametrised or replaced"


@pytest.mark.parametrize("name", ["with_content", "_width", "_within_range", "content_fields"])
def test_a_method_replaced_on_an_object_is_noticed(name):
    net = Recurrent(DMSNTM(F, **SIZES), OUTPUTS)
    assert net.engine == "fused"
    setattr(net.cell, name, getattr(net.cell, name))
    assert choose.engine_for(net.cell, "auto") is choose.REFERENCE
    assert net.engine == "reference"


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("motion", "sideways", "motion=sideways is unknown"),
        ("carry", "nothing", "carry=nothing is unknown"),
        ("kernel", "flat", "kernel=flat is unknown"),
    ],
)
def test_an_option_that_the_kernels_do_not_know(option, value, why):
    cell = DMSNTM(F, **SIZES)
    setattr(cell, option, value)
    assert choose.unknown(cell) == choose.uncovered(cell, X.device, X.dtype) == f"{why} to the kernels"


def test_a_number_of_a_head_that_the_kernels_do_not_know():
    cell = NTM(F, **SIZES)
    cell.layout = Layout(*cell.layout.fields, Field("more", 1))
    assert choose.unknown(cell) == "more of a head is unknown to the kernels"


def test_a_kind_of_heads_is_registered_by_one_entry(monkeypatch):
    """Without its entry in `KINDS` a kind of machine is not supported."""
    monkeypatch.setattr(machine_kinds, "KINDS", {kind: entry for kind, entry in KINDS.items() if kind is not NTM})
    for cached in (machine_kinds.kind_of, machine_kinds.unknown_class):
        cached.cache_clear()
    try:
        with pytest.raises(Refusal, match="NTM is no kind of machine that the kernels know"):
            Recurrent(NTM(F, **SIZES, engine="fused"), OUTPUTS)
    finally:
        for cached in (machine_kinds.kind_of, machine_kinds.unknown_class):
            cached.cache_clear()


def test_a_refusal_of_a_configuration_names_its_key(monkeypatch):
    monkeypatch.setattr(kernels, "missing", lambda: "numba cannot be imported (x)")
    with pytest.raises(ConfigError) as refusal:
        build.recurrent(NTM(F, **SIZES, engine="fused"), OUTPUTS, None)
    expected = "model.engine='fused': must be auto or reference on this machine: numba cannot be imported (x)"
    assert str(refusal.value) == expected


def test_cells_without_a_choice_cause_no_warning(caplog):
    for cell in (LSTM(F, 7), MinGRU(F, 7)):
        net = Recurrent(cell, OUTPUTS)
        assert choose.engine_for(cell, net.engine_choice) is choose.REFERENCE
        assert net.engine is None
    assert caplog.messages == []


@pytest.mark.parametrize(("choice", "level"), [("fused", "WARNING"), ("auto", "INFO")])
def test_the_reason_for_the_reference_engine_is_logged_once(choice, level, caplog):
    """As a warning where fused was asked for; auto leaves the choice to the code."""
    caplog.set_level("INFO")
    net = Recurrent(NTM(F, **SIZES, engine=choice), OUTPUTS).to(torch.bfloat16)
    for _ in range(2):
        net(X.bfloat16())
    why = "the fused engine computes in float32 or float64 on the CPU, not in torch.bfloat16 on cpu"
    expected = [(level, f"{why}: the reference engine runs it, slower.")]
    assert [(record.levelname, record.message) for record in caplog.records] == expected
