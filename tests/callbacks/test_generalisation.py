"""Generalisation metrics during training: values, times, and no effect on training."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from src.callbacks import clock
from src.callbacks.generalisation import Generalisation
from src.common.checks import Refusal
from src.lit.learner import Learner
from src.run import final_evaluation
from tests.helpers import train_small, written

STEPS = ("trainer.max_steps=3", "logger=csv", "callbacks.generalisation.every=2", "callbacks.pictures=null")


def test_measures_every_probe_at_every_nth_validation(trainer, learner):
    one = Generalisation(every=3)
    for step in range(10, 60, 10):
        trainer.global_step = step
        one.on_validation_end(trainer, learner)
    trainer.state.fn = "validate"
    one.on_validation_end(trainer, learner)
    (batch,) = learner.task.probes()["3x2"]
    with torch.no_grad():
        logits, _ = learner.network(batch.x)
    wrong = ((logits > 0) != (batch.y > 0.5)) & (batch.mask > 0).unsqueeze(2)
    payload = wrong[..., :-1].sum().item() / (16 * 7 * 2)  # sequences, steps of the answer, bits of a word
    exact = (~wrong[..., -1].any(1)).float().mean().item()
    expected = {"generalisation/3x2/payload_error": payload, "generalisation/3x2/end_exact": exact}
    assert trainer.loggers[0].points == [(pytest.approx(expected), 10), (pytest.approx(expected), 40)]


def test_measures_nothing_without_a_logger(trainer, learner, monkeypatch):
    trainer.loggers = []
    monkeypatch.setattr(Learner, "measure", lambda *arguments: pytest.fail("was measured"))
    Generalisation().on_validation_end(trainer, learner)


def test_the_count_of_validations_is_saved(trainer, learner):
    one, other = Generalisation(every=2), Generalisation(every=2)
    one.on_validation_end(trainer, learner)
    other.load_state_dict(one.state_dict())
    other.on_validation_end(trainer, learner)
    assert len(trainer.loggers[0].points) == 1
    other.on_validation_end(trainer, learner)
    assert len(trainer.loggers[0].points) == 2


def test_refusal():
    with pytest.raises(Refusal, match="every=0: must be an integer of at least 1"):
        Generalisation(every=0)


@pytest.fixture(autouse=True)
def no_files_of_pictures(monkeypatch):
    """Skip figures, which take most of the time of a small run."""
    monkeypatch.setattr(final_evaluation, "draw", lambda *arguments: {})


@pytest.mark.parametrize("model", ["lstm", "dms_ntm"])
def test_training_and_validation_are_the_same_bit_for_bit(tmp_path, monkeypatch, model):
    """The same weights, validation, history and checkpoint, and only the generalisation scalars in addition."""
    seen = []
    measure = Learner.measure
    monkeypatch.setattr(Learner, "measure", lambda self, batches: seen.append(1) or measure(self, batches))
    for name, choice in (("without", "callbacks.generalisation=null"), ("with", "seed=0")):
        train_small(tmp_path / name, *STEPS, choice, model=model)
        assert len(seen) == (0 if name == "without" else 2)  # after the first of three validations, and the third
    one, other = (
        torch.load(tmp_path / name / "checkpoints" / "last.ckpt", weights_only=True)
        for name in ("without", "with")
    )
    assert one["state_dict"].keys() == other["state_dict"].keys()
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())
    first, second = (written(tmp_path / name) for name in ("without", "with"))
    assert first["validation"] == second["validation"]
    assert first["test"] == second["test"]
    rows = [(tmp_path / name / "history.csv").read_text().splitlines() for name in ("without", "with")]
    without_seconds = [[line.split(",")[:2] + line.split(",")[3:] for line in one] for one in rows]
    assert without_seconds[0] == without_seconds[1]
    headers = [
        set((tmp_path / name / "metrics.csv").read_text().splitlines()[0].split(","))
        for name in ("without", "with")
    ]
    assert headers[1] - headers[0] == {"generalisation/3x4/payload_error", "generalisation/3x4/end_exact"}


def test_does_not_count_as_fitting(tmp_path, monkeypatch):
    """Twenty seconds of measuring, on a wall clock that advances only then."""
    now = [0.0]
    monkeypatch.setattr(clock.time, "perf_counter", lambda: now[0])

    def slow(self, batches, measure=Learner.measure):
        now[0] += 10.0
        return measure(self, batches)

    monkeypatch.setattr(Learner, "measure", slow)
    outcome = train_small(tmp_path / "run", *STEPS, model="lstm")
    assert now == [20.0]
    assert outcome.metrics["seconds"] == 0.0


def test_is_a_callback_that_lightning_saves():
    assert isinstance(Generalisation(), Callback)
    assert Generalisation().state_dict() == {"validations": 0}
