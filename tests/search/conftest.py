"""Fixtures: a search of a tiny network, with made-up test metrics, as a search must use validation alone."""

import pytest

from src.run import finalize
from src.search import __main__ as command
from src.search import plan as plans
from src.search import results, studies
from tests.helpers import SMALL

#: Three validations of a tiny network on MNIST-1D.
TINY = [
    *("task=mnist1d", *SMALL["mnist1d"], "trainer.max_steps=3", "validate_every=1", "model=mlp"),
    *("callbacks.pictures=null", "callbacks.generalisation=null"),
    *("spaces.mlp=['model.hidden_sizes=[8],[9]']", "seeds=[201,202]", "trials=2"),
]


@pytest.fixture
def line(tmp_path):
    """The command line of the tiny search in the folder of the test, with further overrides at its end."""
    (tmp_path / "conf").mkdir()

    def made(*overrides):
        return ["name=tiny", f"folder={tmp_path}", f"conf={tmp_path}/conf", *TINY, *overrides]

    return made


@pytest.fixture
def search(line, monkeypatch):
    """Run the tiny search; returns the exit code."""
    monkeypatch.setattr(finalize, "test_and_draw", lambda parts: {"accuracy": 1e6})
    return lambda *overrides: command.search(line(*overrides))


@pytest.fixture
def trials(tmp_path):
    """The result of each trial of the tiny search."""

    def read():
        plan = plans.load(tmp_path / "tiny")
        return results.results(plan, studies.opened(plan))

    return read
