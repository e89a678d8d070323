"""Accuracy and loss of classes: against a slow loop, over batches of unequal size."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from src.lit.classes import Classes
from src.lit.learner import Learner
from src.tasks.mnist1d import CLASSES, MNIST1DBatch

STEPS = 4


class Echo(nn.Module):
    """Outputs the input at the last step; earlier outputs are wrong on purpose."""

    memory_slots = None

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x, state=None):
        assert state is None
        y = -50.0 * torch.ones(len(x), x.shape[1], CLASSES)
        y[:, :-1, 0] = 50.0
        y[:, -1] = x.reshape(len(x), -1)[:, :CLASSES] * self.scale
        return y, None


def naive(batches):
    """Accuracy and mean cross-entropy, example by example."""
    right = nats = examples = 0
    for batch in batches:
        for x, answer in zip(batch.x.tolist(), batch.y.tolist(), strict=True):
            logits = [value for step in x for value in step][:CLASSES]
            nats += math.log(sum(math.exp(z) for z in logits)) - logits[answer]
            right += max(range(CLASSES), key=lambda k: logits[k]) == answer
            examples += 1
    return {"accuracy": right / examples, "loss": nats / examples}


@pytest.fixture
def batches(rng):
    """A large batch that is mostly right, and small ones that are not: a mean of means would differ."""
    made = []
    for size, lift in ((40, 3.0), (1, -3.0), (7, -1.0)):
        y = torch.randint(CLASSES, (size,), generator=rng)
        x = torch.randn(size, STEPS, 3, generator=rng)
        x.view(size, -1)[torch.arange(size), y] += lift
        made.append(MNIST1DBatch(x, y))
    return made


@pytest.fixture
def learner():
    return Learner(Echo(), SimpleNamespace(output_size=CLASSES), Classes(), None, None)


def test_loss_and_accuracy_of_a_training_batch(learner, batches):
    for batch in batches:
        loss, metrics = learner.loss_and_metrics(batch)
        shown = {"accuracy": float(metrics["accuracy"]), "loss": loss.item()}
        assert shown == pytest.approx(naive([batch]), rel=1e-5)
        assert loss.requires_grad


def test_metrics_of_unequal_batches_are_those_of_all_examples(learner, batches):
    expected = naive(batches)
    means = [naive([batch]) for batch in batches]
    assert abs(sum(one["loss"] for one in means) / 3 - expected["loss"]) > 0.1
    assert 0 < expected["accuracy"] < 1
    for order in (batches, batches[::-1]):
        assert learner.measure(order) == pytest.approx(expected, rel=1e-5)


def test_measure_resets_the_counts(learner, batches):
    learner.measure(batches)
    assert learner.measure(batches[1:2]) == pytest.approx(naive(batches[1:2]), rel=1e-5)


def test_a_network_that_answers_once(batches):
    """An MLP gives one step, which is the last."""

    class Once(Echo):
        def forward(self, x, state=None):
            return super().forward(x, state)[0][:, -1:], None

    learner = Learner(Once(), SimpleNamespace(output_size=CLASSES), Classes(), None, None)
    assert learner.measure(batches) == pytest.approx(naive(batches), rel=1e-5)


def test_a_search_minimises_the_share_of_failures():
    assert Classes().to_minimise({"accuracy": 0.9, "loss": 3.0}) == pytest.approx(0.1)
