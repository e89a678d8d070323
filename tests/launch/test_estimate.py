"""Dry run: time and disk space of jobs, and refusals."""

import random
from pathlib import Path

import pytest
import torch

from src.launch import estimate
from src.settings import cli
from src.settings.keys import resolve
from tests.helpers import compose_train, small, train_small


def jobs(*overrides, model="lstm"):
    return cli.composed("train", small(*overrides, model=model), multirun=True)


@pytest.fixture
def measured(monkeypatch):
    """A mock measurement: update 10 ms, validation 100 ms, checkpoint 50 kB; lists the configurations."""
    asked = []

    def measure(cfg, learner):
        asked.append(cfg)
        return 0.01, 0.1, 50_000

    monkeypatch.setattr(estimate, "measure", measure)
    return asked


def test_seconds_and_bytes_are_those_of_updates_validations_and_files():
    cfg = compose_train(*small("trainer.max_steps=1000", "validate_every=300", model="lstm"))
    cost = estimate.cost(cfg, 0.01, 0.1, 50_000)
    assert cost.seconds == pytest.approx(1000 * 0.01 + 4 * 0.1 + estimate.OVERHEAD)
    assert cost.disk_bytes == 100_000 + estimate.FIGURES
    logged = compose_train(
        *small("logger=tensorboard", "trainer.max_steps=1000", "validate_every=300", model="lstm")
    )
    assert estimate.cost(logged, 0.01, 0.1, 50_000).disk_bytes > cost.disk_bytes + estimate.PICTURES


def test_a_table_of_the_jobs_and_their_sum(measured):
    swept = jobs("trainer.max_steps=10000", "seed=0,1,2", "optimizer.lr=1e-3,2e-3", "hydra.sweep.dir=there")
    lines = estimate.report(swept).splitlines()
    assert lines[0].split() == ["job", "folder", "time", "disk", "overrides"]
    assert lines[2].startswith("1    1_repeat_copy_lstm_seed0  ")
    assert lines[2].endswith("optimizer.lr=0.002")  # hydra.sweep.dir is not shown
    assert len(lines) == 1 + 6 + 2
    assert lines[-1].startswith("6 jobs, 1 at a time: about ")
    assert lines[-1].endswith("Nothing was run; a run that solves its task ends sooner.")
    # Seeds and learning rates change nothing: one measurement stands for all.
    assert len(measured) == 1
    # Of a sweep that is resumed, jobs keep their numbers.
    assert estimate.report(swept[4:]).splitlines()[1].startswith("4    4_repeat_copy_lstm_seed2  ")


def test_jobs_that_would_be_refused_are_listed(measured, unchecked_types, monkeypatch):
    monkeypatch.undo()
    text = estimate.report(jobs("model.hidden_size=8,0"))
    assert "model.hidden_size=0: must be an integer of at least 1" in text
    assert "2 jobs, 1 at a time" in text
    assert "; 1 would be refused." in text


def test_each_job_is_checked_though_jobs_of_a_kind_are_measured_once(measured):
    """Floats and the schedule change no cost, but may be invalid."""
    text = estimate.report(jobs("optimizer.lr=0.001,-1"))
    assert "optimizer.lr=-1" in text.splitlines()[2]
    assert "; 1 would be refused." in text
    assert "; 2 would be refused." in estimate.report(jobs("schedule.final=0.5,2,3"))
    assert len(measured) == 2
    for refused in ("init_from=nowhere", "trainer.devices=99"):
        assert "; 1 would be refused." in estimate.report(jobs(refused))


def test_measuring_leaves_the_random_numbers_alone(tmp_path, monkeypatch):
    cfg, measure, seen = resolve(jobs()[0].config), estimate.measure, []
    monkeypatch.setattr(estimate, "measure", lambda *given: seen.append(measure(*given)) or seen[-1])
    before, of_python = torch.get_rng_state(), random.getstate()
    estimate.costs([cfg])
    ((update, validation, size),) = seen
    assert random.getstate() == of_python
    assert 0 < update < 5
    assert 0 < validation < 5
    assert torch.equal(torch.get_rng_state(), before)
    # A checkpoint of a run also has a little besides weights and optimiser.
    train_small(tmp_path / "run", model="lstm")
    assert size < Path(tmp_path / "run" / "checkpoints" / "last.ckpt").stat().st_size < size + 40_000
