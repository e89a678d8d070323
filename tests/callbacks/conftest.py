"""Fixtures of callbacks: a trainer stub and a small learner."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from src.cells.lstm import LSTM
from src.lit.bits import Bits
from src.lit.learner import Learner
from src.networks.recurrent import Recurrent
from src.tasks.repeat_copy import RepeatCopy


class Log:
    """A logger that keeps what it gets."""

    def __init__(self):
        self.points = []

    def log_metrics(self, metrics, step):
        self.points.append((dict(metrics), step))


@pytest.fixture
def trainer():
    """A stub with the attributes of a trainer that callbacks read, during a fit."""
    return SimpleNamespace(
        state=SimpleNamespace(fn="fit"),
        is_global_zero=True,
        strategy=SimpleNamespace(reduce_boolean_decision=lambda decision, all: decision),
        sanity_checking=False,
        should_stop=False,
        global_step=0,
        max_steps=10,
        limit_val_batches=1.0,
        fit_loop=SimpleNamespace(
            epoch_loop=SimpleNamespace(batch_progress=SimpleNamespace(is_last_batch=False)),
            _should_accumulate=lambda: False,
        ),
        callback_metrics={},
        progress_bar_metrics={},
        callbacks=[],
        loggers=[Log()],
        optimizers=[SimpleNamespace(param_groups=[{"lr": 0.25}])],
    )


@pytest.fixture
def learner():
    """A small learner without a memory."""
    task = RepeatCopy(max_length=2, max_repeats=2, width=2, test_cells=[[3, 2]])
    return learner_of(LSTM(task.input_size, 4), task)


def learner_of(cell, task) -> Learner:
    """A learner of a recurrent network with a cell."""
    network: nn.Module = Recurrent(cell, task.output_size)
    return Learner(network, task, Bits(), lambda params: torch.optim.SGD(params, lr=0.1), lambda optimizer: None)
