"""The progress bar."""

import math
from typing import ClassVar

import pytest
import torch

from src.callbacks import progress
from src.callbacks.progress import Progress
from src.common.checks import Refusal


class Bar:
    """What the callback does with tqdm."""

    made: ClassVar = []

    def __init__(self, **options):
        self.options, self.n, self.text, self.closed = options, options["initial"], "", False
        Bar.made.append(self)

    def update(self, count):
        self.n += count
        return True

    def set_postfix_str(self, text, refresh):
        self.text = text

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def bars(monkeypatch):
    monkeypatch.setattr(progress, "tqdm", Bar)
    monkeypatch.setattr(Bar, "made", [])
    return Bar.made


def test_counts_updates_and_shows_loss_and_validation(trainer, learner, bars):
    one = Progress(every=0.25)
    trainer.global_step = 3
    one.on_train_start(trainer, learner)
    (bar,) = bars
    assert (bar.options["total"], bar.options["initial"], bar.options["mininterval"]) == (10, 3, 0.25)
    trainer.progress_bar_metrics = {"v_num": 7, "loss": 0.123456, "error_bits": 31.0}
    one.on_train_batch_end(trainer, learner, None, None, 0)
    assert (bar.n, bar.text) == (3, "")  # the first batch of an update with several
    trainer.global_step = 4
    one.on_train_batch_end(trainer, learner, None, None, 1)
    assert (bar.n, bar.text) == (4, "loss=0.1235 error_bits=31")
    trainer.callback_metrics = {"validation/bits": torch.tensor(9.0), "validation/error_bits": torch.tensor(2.5)}
    one.on_validation_end(trainer, learner)
    trainer.global_step = 5
    one.on_train_batch_end(trainer, learner, None, None, 2)
    assert (bar.n, bar.text) == (5, "loss=0.1235 error_bits=31 validation=2.5")
    one.on_train_end(trainer, learner)
    assert bar.closed
    trainer.global_step = 6
    one.on_train_batch_end(trainer, learner, None, None, 3)
    assert bar.n == 5


def test_is_closed_where_a_run_fails(trainer, learner, bars):
    one = Progress()
    one.on_train_start(trainer, learner)
    one.on_exception(trainer, learner, ValueError())
    assert bars[0].closed
    one.on_exception(trainer, learner, ValueError())


def test_disabled(trainer, learner, bars):
    one = Progress()
    one.disable()
    one.on_train_start(trainer, learner)
    one.on_train_batch_end(trainer, learner, None, None, 0)
    one.on_train_end(trainer, learner)
    assert bars == []
    one.enable()
    one.on_train_start(trainer, learner)
    assert len(bars) == 1


@pytest.mark.parametrize("value", [-1, "abc", math.nan])
def test_refusals(value):
    with pytest.raises(Refusal) as refusal:
        Progress(value)
    assert str(refusal.value) == f"every={value!r}: must be a finite number of at least 0"
