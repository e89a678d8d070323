"""A run, an evaluation and a replay with each objective that the tasks of conf/ share, on tasks of three steps.

Only a run shows that trainer, callbacks, checkpoints, final tests and figures work with an objective.
"""

import csv

import pytest
import torch

from src.evaluate import evaluate
from src.lit.objectives import OBJECTIVES
from src.replay.recording import record
from src.run.load import load_run
from src.settings import build
from src.tasks.base import Axis
from src.tasks.batches import SequenceBatch
from src.tasks.generated import Generated
from src.train import train
from tests.helpers import FEW, compose_evaluate, compose_train, small, written

PREFIX = "tests.commands.test_objectives."


class Echo(Generated):
    """The digits of a sequence, each to be told one step later."""

    objective = "symbols"
    axes = (Axis("length", "lengths"),)
    input_size = output_size = 3

    def __init__(self, batch_size, test_cells, validation_size, test_size, cell_size, seed):
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = (2, 3)

    def draw(self, source, size, length):
        digits = torch.randint(3, (size, length), generator=source)
        x = torch.nn.functional.one_hot(digits, 3).float()
        mask = torch.ones(size, length)
        mask[:, 0] = 0
        return SequenceBatch(x, self.target(digits), mask)

    def target(self, digits):
        return torch.nn.functional.pad(digits[:, :-1], (1, 0))

    def steps_of(self, length):
        return length


class Coins(Echo):
    """The same as bits to predict."""

    objective = "predicted_bits"

    def target(self, digits):
        return (
            torch.nn.functional.one_hot(super().target(digits), 3)
            * (torch.arange(digits.shape[1]) > 0)[:, None]
            * 1.0
        )


class Marked(Coins):
    """The same, without an end marker."""

    objective = "bits_without_end"


@pytest.fixture(scope="module", params=[Echo, Coins, Marked], ids=lambda cls: cls.objective)
def run(request, tmp_path_factory):
    """The folder and the outcome of a run of two updates."""
    folder = tmp_path_factory.mktemp(request.param.objective) / "run"
    cfg = compose_train(*small(*FEW, "logger=csv", "trainer.max_steps=2", model="lstm", task="copy"))
    taken = ("batch_size", "test_cells", "validation_size", "test_size", "cell_size", "recipe")
    own = {"name": "own", "_target_": PREFIX + request.param.__name__}
    return folder, train({**cfg, "task": own | {key: cfg["task"][key] for key in taken}}, folder)


def test_a_run_writes_the_metrics_of_its_objective(run):
    folder, outcome = run
    objective, metrics = outcome.learner.objective, written(folder)
    assert objective is OBJECTIVES[outcome.task.objective]
    assert (metrics["status"], metrics["error"]) == ("finished", None)
    assert set(metrics["validation"]) == {"update", *objective.names}
    in_distribution, cell = metrics["test"].values()
    assert set(in_distribution) == set(cell) == set(objective.names)
    assert outcome.value == metrics["validation"]["bits"]
    with (folder / "history.csv").open(newline="") as file:
        assert list(next(csv.DictReader(file)))[6:] == list(objective.names)
    logged = "".join(path.read_text() for path in folder.rglob("metrics.csv"))
    for name in (f"train/{objective.headline}", f"train/{objective.reach[0]}", f"validation/{objective.monitor}"):
        assert name in logged
    assert all(f"/{name}" in logged for name in objective.reach)
    assert {path.stem for path in (folder / "figures").iterdir()} == {"target_output", "learning_curves"}


def test_a_run_can_be_evaluated_on_another_cell(run):
    folder, outcome = run
    tested = evaluate(compose_evaluate(f"run={folder}", "test_cells=[7]"))["test"]
    assert list(tested) == ["in_distribution", outcome.task.name_of((7,))]
    assert tested["in_distribution"] == written(folder)["test"]["in_distribution"]


def test_an_answer_can_be_replayed(run):
    opened = load_run(run[0])
    recording = record(
        build.build_learner(opened.config, opened.task, opened.model), opened.task.example(6), "a run"
    )
    assert recording.target.shape == recording.y.shape == (6, 3)
    assert "bits" in recording.verdict or "symbols wrong" in recording.verdict
    assert not recording.target[0].any()
    assert recording.most_wrong == (1 if opened.task.objective == "symbols" else None)
