"""Refusals of sequences that are too long for a network."""

import pytest

from src.settings import longest
from src.settings.errors import ConfigError
from tests.toys import LengthHops


class Limited:
    longest_sequence = 9


def cfg(**model):
    return {"model": {"name": "short", **model}, "task": {"name": "toys"}}


def test_the_longest_of_training_and_of_all_test_sets_counts():
    longest.check_task(cfg(max_positions=9), Limited(), LengthHops(test_cells=[[4, 5]]))
    with pytest.raises(ConfigError) as refusal:
        longest.check_task(cfg(max_positions=9), Limited(), LengthHops(test_cells=[[4, 6]]))
    assert str(refusal.value) == (
        "model.max_positions=9: short takes sequences of at most 9 steps; must be larger on toys, whose longest "
        "sequences of training or tests have 10"
    )
    with pytest.raises(ConfigError, match=r"^model\.name='short': short takes"):
        longest.check_task(cfg(), Limited(), LengthHops(max_items=5))


def test_a_network_without_a_limit_draws_nothing():
    class Task:
        def setup(self):
            raise AssertionError

    longest.check_task(cfg(), object(), Task())


def test_what_is_asked_for_is_named():
    longest.check_steps("grid=[[9]]", 9, cfg(address_bits=3), Limited())
    with pytest.raises(ConfigError) as refusal:
        longest.check_steps("length=10", 10, cfg(address_bits=3), Limited())
    assert str(refusal.value) == (
        "length=10: takes 10 steps; must take at most 9: model.address_bits=3 in this run"
    )
