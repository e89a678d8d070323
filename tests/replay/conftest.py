"""Run folders after a single update, their learners and recordings."""

import pytest

from src.replay.recording import record
from src.run.load import load_run
from src.settings import build
from tests.figure_drawing import off
from tests.helpers import train_small

MANY = ("model.read_heads=2", "model.carry=position", "model.motion=relative", "model.num_scales=2")


@pytest.fixture(scope="session")
@off()
def trained(tmp_path_factory):
    """Run folders by name."""
    folder = tmp_path_factory.mktemp("trained")
    train_small(folder / "ntm", model="ntm")
    train_small(folder / "dms_ntm", *MANY, "model.delta_init=3.0", "task.max_length=2", model="dms_ntm")
    train_small(folder / "lstm", "task.max_repeats=3", model="lstm")
    train_small(folder / "wide", "task.width=4", model="lstm")
    train_small(folder / "digits_ntm", model="ntm", task="mnist1d")
    train_small(folder / "digits_gru", "task.sequence_length=40", model="gru", task="mnist1d")
    train_small(folder / "digits_mlp", model="mlp", task="mnist1d")
    return folder


@pytest.fixture
def learner(trained):
    """Opens a run: its learner, with its task set up."""

    def opened(name):
        run = load_run(trained / name)
        run.task.setup()
        return build.build_learner(run.config, run.task, run.model)

    return opened


@pytest.fixture
def recording(learner):
    """Records the first example of a run, or one of another length and number of repeats."""

    def recorded(name, *cell):
        one = learner(name)
        return record(one, one.task.example(*cell) if cell else one.task.examples()[0], f"{name}, seed 0")

    return recorded
