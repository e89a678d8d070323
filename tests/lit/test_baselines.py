"""Baselines of test sets, as tasks give them."""

import math
from types import SimpleNamespace

from src.lit import baselines


def test_null_stands_for_infinity():
    task = SimpleNamespace(baselines=lambda batches: {"chance": {"bits": None, "loss": 1}})
    assert baselines.of_sets(task, {"test": []}) == {"test": {"chance": {"bits": math.inf, "loss": 1.0}}}


def test_what_is_no_number_is_left_out_with_a_warning(caplog):
    task = SimpleNamespace(baselines=lambda batches: {"chance": {"bits": "many"}})
    assert baselines.of_sets(task, {"test": []}) == {}
    assert "The baselines of SimpleNamespace are left out" in caplog.text
