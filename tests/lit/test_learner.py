"""Learner: clipping, divergence, memory slots, test sets; and every model can overfit a batch."""

import math
from types import SimpleNamespace

import lightning
import pytest
import torch
from torch import nn

from src.cells.dms_ntm import DMSNTM
from src.cells.gru import GRU
from src.cells.lstm import LSTM
from src.cells.ntm import NTM
from src.lit import unusable_gradients
from src.lit.bits import Bits
from src.lit.classes import Classes
from src.lit.divergence import Diverged
from src.lit.learner import Learner
from src.lit.schedule import warmup_cosine
from src.networks.cnn import CNN
from src.networks.mlp import MLP
from src.networks.recurrent import Recurrent
from src.networks.resnet1d import ResNet1D
from src.run.quiet import quiet
from src.tasks.mnist1d import MNIST1DBatch
from src.tasks.repeat_copy import RepeatCopy
from src.tasks.repeat_copy_sampler import sample
from src.tasks.streams import generator


def adam(lr):
    return lambda params: torch.optim.Adam(params, lr=lr)


def constant(optimizer):
    return warmup_cosine(optimizer, 1, 0.0, 1.0)


def small_task():
    sizes = {"batch_size": 4, "validation_size": 4, "test_size": 4, "cell_size": 4}
    return RepeatCopy(max_length=3, max_repeats=2, width=2, test_cells=[[5, 1]], **sizes)


def fit(learner, **options):
    options = {"max_steps": 1, "gradient_clip_val": None, **options}
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        **options,
    )
    learner.task.plan(trainer.max_steps)
    with quiet():
        trainer.fit(learner, datamodule=learner.task)
    return trainer


class TestTestSets:
    """A set ends where the next begins, even if the trainer limits the number of batches."""

    @pytest.fixture
    def learner(self):
        task = RepeatCopy(
            max_length=3, max_repeats=2, width=2, test_cells=[[5, 1], [2, 2]], test_size=130, cell_size=70
        )
        learner = Learner(Recurrent(GRU(4, 3), 3), task, Bits(), adam(0.1), constant)
        task.setup()
        return learner

    @pytest.mark.parametrize("limit", [1, 2, 0.5, 1.0])
    def test_no_metric_holds_samples_of_another_set(self, learner, limit):
        off = dict.fromkeys(("enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = lightning.Trainer(accelerator="cpu", devices=1, logger=False, limit_test_batches=limit, **off)
        with quiet():
            trainer.test(learner, datamodule=learner.task, verbose=False)
        assert list(learner.tested) == ["in_distribution", "5x1", "2x2"]
        for name, batches in learner.task.tests.items():
            seen = batches[: limit if isinstance(limit, int) else int(limit * len(batches))]
            assert learner.tested[name] == learner.measure(seen)

    def test_a_set_without_a_batch_has_no_metrics(self, learner):
        learner.on_test_epoch_start()
        for index, name in ((0, "in_distribution"), (2, "2x2")):
            learner.test_step(learner.task.tests[name][0], 0, index)
        learner.write = lambda scalars, update: None
        learner.on_test_epoch_end()
        assert list(learner.tested) == ["in_distribution", "2x2"]
        assert learner.tested["2x2"] == learner.measure(learner.task.tests["2x2"][:1])


class TestClipping:
    @pytest.fixture
    def learner(self):
        learner = Learner(nn.Linear(2, 2), small_task(), Bits(), adam(0.1), constant)
        learner.logged = []
        learner.write = lambda scalars, update: learner.logged.append((scalars, update))
        return learner

    @pytest.mark.parametrize(("bound", "scale"), [(1.0, 0.2), (4.9, 0.98), (5.1, 1.0), (None, 1.0)])
    def test_the_norm_of_the_whole_gradient(self, learner, bound, scale):
        weight, bias = learner.network.weight, learner.network.bias
        weight.grad, bias.grad = torch.tensor([[0.0, 3.0], [0.0, 0.0]]), torch.tensor([-4.0, 0.0])
        learner.configure_gradient_clipping(None, bound)
        assert learner.gradient_norm == pytest.approx(5.0)
        assert learner.logged == [({"optimizer/gradient_norm": pytest.approx(5.0)}, 1)]
        torch.testing.assert_close(weight.grad, torch.tensor([[0.0, 3.0], [0.0, 0.0]]) * scale)
        torch.testing.assert_close(bias.grad, torch.tensor([-4.0, 0.0]) * scale)

    def test_by_value(self, learner):
        """Each element is bounded; the norm is logged, and not bounded."""
        weight, bias = learner.network.weight, learner.network.bias
        weight.grad, bias.grad = torch.tensor([[0.0, 3.0], [0.0, 0.1]]), torch.tensor([-4.0, 0.0])
        learner.configure_gradient_clipping(None, 0.5, "value")
        assert learner.gradient_norm == pytest.approx(25.01**0.5)
        assert weight.grad.tolist() == [[0.0, 0.5], [0.0, pytest.approx(0.1)]]
        assert bias.grad.tolist() == [-0.5, 0.0]

    @pytest.mark.parametrize("bound", [1.0, None])
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_a_gradient_that_is_not_finite(self, learner, bound, bad, monkeypatch):
        monkeypatch.setattr(unusable_gradients, "LIMIT", 1)
        learner.trainer = SimpleNamespace(global_step=6)
        learner.network.weight.grad = torch.zeros(2, 2)
        learner.network.bias.grad = torch.tensor([1.0, bad])
        with pytest.raises(Diverged) as divergence:
            learner.configure_gradient_clipping(None, bound)
        value = "nan" if math.isnan(bad) else "inf"
        assert str(divergence.value) == f"the norm of the gradient became {value} at update 7"


@pytest.mark.parametrize("bound", [1e-3, None])
def test_the_trainer_updates_with_the_clipped_gradient(bound):
    """Plain gradient descent at rate 1 moves the weights by just the clipped norm."""
    task = small_task()
    network = Recurrent(LSTM(task.input_size, 5), task.output_size)
    before = nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    learner = Learner(network, task, Bits(), lambda params: torch.optim.SGD(params, lr=1.0), constant)
    logged = {}
    learner.write = lambda scalars, update: logged.update(scalars)
    fit(learner, gradient_clip_val=bound)
    moved = (nn.utils.parameters_to_vector(network.parameters()) - before).norm().item()
    assert learner.gradient_norm > 1e-2
    assert moved == pytest.approx(bound or learner.gradient_norm, rel=1e-3)
    assert logged["optimizer/gradient_norm"] == pytest.approx(learner.gradient_norm)
    assert float(logged["train/loss"]) == pytest.approx(learner.last_loss)


class Failing(nn.Module):
    """Outputs are not finite after `good` calls."""

    memory_slots = None

    def __init__(self, good, factor):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.good, self.factor = good, factor

    def forward(self, x, state=None):
        self.good -= 1
        y = self.weight * x[..., :1]
        return (y if self.good >= 0 else y * self.factor + self.factor), None


@pytest.mark.parametrize(
    ("good", "factor", "text"),
    [
        (0, math.nan, "the loss became nan at update 1"),
        (3, math.nan, "the loss became nan at update 4"),
        (2, math.inf, "at update 3"),
    ],
)
def test_a_loss_that_is_not_finite(good, factor, text):
    network = Failing(good, factor)
    with pytest.raises(Diverged) as divergence:
        fit(Learner(network, small_task(), Bits(), adam(0.1), constant), max_steps=6)
    assert text in str(divergence.value)
    assert network.weight.isfinite().all()


def machine(slots=4, task=None):
    task = task or small_task()
    return Recurrent(NTM(task.input_size, slots, 5, controller_size=6), task.output_size)


@pytest.mark.parametrize(
    ("own", "asked", "expected"),
    [(4, None, (7, 5)), (6, None, (7, 6)), (9, None, (9, 9)), (4, 6, (7, 6)), (4, 12, (12, 12))],
)
def test_slots_are_the_networks_own_those_asked_for_or_more_where_needed(own, asked, expected):
    task = small_task()
    batches = [sample(generator(0), 2, (n, n), (1, 1), (1, 2), 2, False) for n in (5, 3)]
    learner = Learner(machine(own, task), task, Bits(), adam(0.1), constant, memory_slots=asked)
    assert tuple(learner.slots_for(batch) for batch in batches) == expected
    without = Learner(Recurrent(LSTM(4, 5), 3), task, Bits(), adam(0.1), constant, memory_slots=asked)
    assert without.slots_for(batches[0]) is None


def test_tests_use_the_slots_for_their_batches():
    task = small_task()
    task.setup()
    network = machine(4, task)
    learner = Learner(network, task, Bits(), adam(0.1), constant).eval()
    batch = task.tests["5x1"][0]
    measured = learner.measure([batch])
    assert measured["memory_slots"] == 7
    with torch.no_grad():
        y, _ = network(batch.x, network.initial_state(4, 7))
        own, _ = network(batch.x)
    assert not torch.equal(y, own)
    mask = batch.mask.unsqueeze(2).expand_as(y) > 0
    loss = nn.functional.binary_cross_entropy_with_logits(y[mask], batch.y[mask]).item()
    assert measured["loss"] == pytest.approx(loss, rel=1e-5)


SMALL = {"controller_size": 16}


def overfit(learner, batch, updates=1500, lr=1e-2):
    """The loss after `updates` updates on one batch; 0 as soon as it is small."""
    optimizer = adam(lr)(learner.network.parameters())
    for _ in range(updates):
        optimizer.zero_grad()
        loss, _ = learner.loss_and_metrics(batch)
        if loss.item() < 0.05:
            return 0.0
        loss.backward()
        learner.configure_gradient_clipping(optimizer, 10.0)
        optimizer.step()
    return loss.item()


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: MLP(10, 1, 10, [16]), id="mlp"),
        pytest.param(lambda: CNN(10, 1, 10, 8), id="cnn"),
        pytest.param(lambda: ResNet1D(10, 1, 10, 8, 2), id="resnet1d"),
        pytest.param(lambda: Recurrent(LSTM(1, 16), 10), id="lstm"),
        pytest.param(lambda: Recurrent(GRU(1, 16), 10), id="gru"),
        pytest.param(lambda: Recurrent(NTM(1, 6, 4, **SMALL), 10), id="ntm"),
        pytest.param(lambda: Recurrent(DMSNTM(1, 6, 4, motion="relative", **SMALL), 10), id="dms_ntm"),
    ],
)
def test_every_model_overfits_digits(make):
    torch.manual_seed(0)
    batch = MNIST1DBatch(torch.randn(8, 10, 1), torch.arange(8))
    learner = Learner(make(), SimpleNamespace(output_size=10), Classes(), adam(1e-2), constant)
    learner.log = lambda *arguments: None
    assert overfit(learner, batch) < 0.05


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(lambda: LSTM(5, 24), id="lstm"),
        pytest.param(lambda: GRU(5, 24), id="gru"),
        pytest.param(lambda: NTM(5, 6, 4, **SMALL), id="ntm"),
        pytest.param(lambda: DMSNTM(5, 6, 4, motion="relative", **SMALL), id="relative"),
        pytest.param(lambda: DMSNTM(5, 6, 4, motion="hybrid", **SMALL), id="hybrid"),
        pytest.param(lambda: DMSNTM(5, 6, 4, carry="position", motion="relative", **SMALL), id="position"),
    ],
)
def test_every_cell_overfits_repeats(cell):
    torch.manual_seed(3)
    batch = sample(generator(1), 4, (2, 2), (2, 2), (1, 2), 3, False)
    learner = Learner(Recurrent(cell(), 4), small_task(), Bits(), adam(1e-2), constant)
    learner.log = lambda *arguments: None
    assert overfit(learner, batch) < 0.05
