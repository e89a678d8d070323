"""Warnings of options that have no effect."""

import inspect

import pytest

from src.cells.dms_ntm import DMSNTM, MOTIONS
from src.cells.ntm import NTM
from src.networks.transformer import POSITIONS, Transformer
from src.run import parts
from src.settings import build, idle_options
from tests.helpers import compose_train, small

NINE = "model.max_positions=9"
DELTA, RAW = "model.delta_init={read: 0, write: 1}", "model.number_input=raw"


@pytest.mark.parametrize(
    ("overrides", "warning"),
    [
        (["model=dms_ntm"], None),
        (["model=dms_ntm", DELTA], "delta_init={'read': 0, 'write': 1} has no effect with model.motion=hybrid."),
        (["model=dms_ntm", DELTA, "model.motion=relative"], None),
        (["model.motion=anchored", "model.step_bias=0"], "step_bias=0 has no effect with model.motion=anchored."),
        (["model=ntm", RAW], "number_input=raw has no effect with model.controller=lstm."),
        (["model=ntm", RAW, "model.controller=counter_lstm"], None),
        (["model=ntm", RAW, "model.controller=counter_lstm", "model.counters=0", "model.counter_candidate=linear"],
         "counter_candidate=linear has no effect with model.counters=0."),
        (["model=lie_access_ntm", RAW], "number_input=raw has no effect with model.controller=lstm."),
        (["model=transformer", NINE], "max_positions=9 has no effect with model.positions=rotary."),
        (["model=transformer", "model.max_positions=999", "model.positions=learned"], None),
        (["model=lstm"], None),
    ],
)  # fmt: skip
def test_a_run_warns_of_options_without_effect(overrides, warning, caplog):
    cfg = compose_train("task=copy", *overrides)
    idle_options.warn(cfg["model"], build.build_network(cfg, build.build_task(cfg)))
    seen = [record.message for record in caplog.records if "no effect" in record.message]
    assert seen == ([] if warning is None else [f"model.{warning}"])


def test_a_run_warns_where_it_begins_and_not_where_it_goes_on(tmp_path, caplog):
    cfg = compose_train(*small("model.counters=2", model="ntm", task="copy"))
    told = "model.counters=2 has no effect with model.controller=lstm."
    parts.assemble(cfg, tmp_path)
    assert caplog.messages.count(told) == 1
    parts.assemble(cfg, tmp_path, done=1)
    assert caplog.messages.count(told) == 1


def test_the_table_names_options_that_exist():
    options = {name for kind in (NTM, DMSNTM, Transformer) for name in inspect.signature(kind).parameters}
    assert options >= {key for keys in idle_options.IDLE.values() for key in keys}
    for name, values in {"motion": {*MOTIONS}, "positions": {*POSITIONS} - {"learned"}}.items():
        assert {value for option, value in idle_options.IDLE if option == name} == values
