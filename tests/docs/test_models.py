"""The table of models in docs/models.md: parameters, and sizes of the state."""

import re
from pathlib import Path

import pytest

from src.settings import build
from src.tasks.lengths import longest_of_training
from tests.docs.pages import DOCS
from tests.helpers import AT_ONCE, compose_train

LINE = re.compile(r"^\| (`.*?`) \|.*\| ([\d, ]+) \| ([\d,]+) \| .* \|$")


def lines() -> list[tuple[str, int, int]]:
    """Model, parameters and size of the state, one for each model of the table."""
    found = []
    for line in Path(DOCS / "models.md").read_text(encoding="utf-8").splitlines():
        if match := LINE.match(line):
            counts = [int(count.replace(",", "")) for count in match[2].split(", ")]
            state = int(match[3].replace(",", ""))
            found += [
                (name, count, state) for name, count in zip(re.findall(r"`(\w+)`", match[1]), counts, strict=True)
            ]
    return found


def test_every_model_has_a_line():
    assert len(lines()) == 13


@pytest.mark.parametrize(("model", "parameters", "state"), lines())
def test_parameters_and_state_are_those_of_the_defaults(model, parameters, state):
    cfg = compose_train(f"model={model}", f"task={'mnist1d' if model in AT_ONCE else 'repeat_copy'}")
    task = build.build_task(cfg)
    network = build.build_network(cfg, task)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert network.state_size_after(longest_of_training(task)) == state
