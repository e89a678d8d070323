"""Detection of numbers that are not finite: on the CPU at once, on a device without synchronisation."""

import math
from types import SimpleNamespace

import lightning
import pytest
import torch
from torch import Tensor, nn

from src.callbacks.clock import Clock
from src.lit import divergence, unusable_gradients
from src.lit.bits import Bits
from src.lit.divergence import Diverged, DivergenceWatch
from src.lit.learner import Learner
from src.lit.schedule import warmup_cosine
from src.run.quiet import quiet
from src.tasks.repeat_copy import RepeatCopy


@pytest.fixture
def device(monkeypatch):
    """Treat all numbers as being on a device that needs synchronisation."""
    monkeypatch.setattr(divergence, "free_to_read", lambda value: False)


class Network(nn.Module):
    """Linear in its weights; from call `bad` to `until`, the loss or only the gradient is not finite."""

    memory_slots = None

    def __init__(self, bad, what, until=99):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.3, -0.2, 0.1]))
        self.calls, self.bad, self.what, self.until = 0, bad, what, until
        self.at: list[Tensor] = []  # the weights at each call

    def forward(self, x, state=None):
        self.calls += 1
        self.at.append(self.weight.detach().clone())
        y = self.weight * x[..., :1] + self.weight
        if self.bad <= self.calls <= self.until:
            # The root of 0 is 0, and its slope infinite.
            y = y * math.nan if self.what == "loss" else y + (self.weight - self.weight.detach()).sqrt()
        return y, None


class Reads:
    """Counts how often a number of a tensor is read, by the update that is being made."""

    NAMES = ("__float__", "__int__", "__bool__", "__index__", "item", "tolist", "numpy")

    def __init__(self, monkeypatch):
        self.of: list[tuple[int, str]] = []
        self.update = 0
        for name in self.NAMES:
            original = getattr(Tensor, name)
            monkeypatch.setattr(Tensor, name, self.counted(name, original))

    def counted(self, name, original):
        def read(tensor, *arguments, **options):
            self.of.append((self.update, name))
            return original(tensor, *arguments, **options)

        return read


class Numbers(lightning.Callback):
    """Sets the current update of `Reads`; 0 between updates."""

    def __init__(self, reads):
        self.reads = reads

    def on_train_batch_start(self, trainer, *others):
        self.reads.update = trainer.global_step + 1

    def on_train_batch_end(self, *others):
        self.reads.update = 0


def fit(network, updates=12, every=5, callbacks=(), momentum=0.9, clip=1.0):
    """The learner, its trainer and the error after training; every `every`-th update is logged."""
    task = RepeatCopy(max_length=3, max_repeats=2, width=2, batch_size=4, validation_size=4, test_size=4)
    learner = Learner(
        network,
        task,
        Bits(),
        # Momentum and decay move weights whose gradient is 0, too.
        lambda weights: torch.optim.SGD(weights, lr=0.1, momentum=momentum, weight_decay=0.1),
        lambda optimizer: warmup_cosine(optimizer, 1, 0.0, 1.0),
    )
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(
        accelerator="cpu", devices=1, max_steps=updates, limit_val_batches=0, log_every_n_steps=every,
        gradient_clip_val=clip, callbacks=[Clock(), *callbacks], **off,
    )  # fmt: skip
    task.plan(updates)
    error = None
    with quiet():
        try:
            trainer.fit(learner, datamodule=task)
        except Diverged as divergence:
            error = divergence
    return learner, trainer, error


def ended(network, **options):
    """How a run ends: its error, what it counts, and its weights."""
    _, trainer, error = fit(network, **options)
    clock = next(one for one in trainer.callbacks if isinstance(one, Clock))
    return str(error), trainer.global_step, clock.sequences, network.weight.tolist()


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("bad", [1, 2, 4, 5, 7, 10, 11, 12])
def test_deferred_detection_on_a_device_equals_that_on_the_cpu(bad, what, monkeypatch):
    """Before, at and after a logged update, and in the last period: the same text, counts and weights."""
    monkeypatch.setattr(unusable_gradients, "LIMIT", 1)
    at_once = ended(Network(bad, what))
    monkeypatch.setattr(divergence, "free_to_read", lambda value: False)
    network = Network(bad, what)
    assert ended(network) == at_once
    named = "loss" if what == "loss" else "norm of the gradient"
    assert at_once[0].startswith(f"the {named} became ")
    assert at_once[0].endswith(f" at update {bad}")
    assert at_once[1:3] == (bad - 1, 4 * (bad - 1))
    assert torch.equal(network.weight.detach(), network.at[bad - 1])
    # The check is at the first logged update from then on, or at the end, and no sooner.
    logged = next((update for update in (1, 5, 10) if update >= bad), 12)
    assert network.calls == logged


@pytest.mark.parametrize("on_a_device", [False, True])
@pytest.mark.parametrize("bad", [1, 3, 5])
def test_many_gradients_in_a_row_that_are_not_finite_are_divergence(bad, on_a_device, monkeypatch):
    monkeypatch.setattr(unusable_gradients, "LIMIT", 3)
    monkeypatch.setattr(divergence, "free_to_read", lambda value: not on_a_device)
    text, updates, _, _ = ended(Network(bad, "gradient"))
    assert (text, updates) == (f"the norm of the gradient became inf at update {bad + 2}", bad + 1)


@pytest.mark.parametrize("on_a_device", [False, True])
@pytest.mark.parametrize("clip", [1.0, None])
def test_a_gradient_that_is_not_finite_counts_as_zero(clip, on_a_device, monkeypatch, caplog):
    """Two in a row, of which momentum and decay are left; the count is logged, and stored in a checkpoint."""
    monkeypatch.setattr(unusable_gradients, "LIMIT", 3)
    monkeypatch.setattr(divergence, "free_to_read", lambda value: not on_a_device)
    network = Network(3, "gradient", until=4)
    learner, trainer, error = fit(network, clip=clip, momentum=0.0)
    assert (error, trainer.global_step) == (None, 12)
    before, first, second = network.at[2:5]
    torch.testing.assert_close(first, before * 0.99)  # the decay: rate 0.1, weight 0.1
    torch.testing.assert_close(second, first * 0.99)
    assert not torch.allclose(network.at[5], second * 0.99)
    assert "2 gradients were not finite so far and have been left out." in caplog.text
    checkpoint = {}
    learner.on_save_checkpoint(checkpoint)
    assert checkpoint["unusable_gradients"] == {"total": 2, "in_a_row": 0}
    learner.on_load_checkpoint({"unusable_gradients": {"total": 5, "in_a_row": 1}})
    assert int(learner.unusable.total) == 5


@pytest.mark.usefixtures("device")
def test_only_logged_updates_and_the_last_synchronise(monkeypatch):
    reads = Reads(monkeypatch)
    learner, trainer, error = fit(Network(99, "loss"), callbacks=[Numbers(reads)])
    assert (error, trainer.global_step) == (None, 12)
    assert {update for update, _ in reads.of if update} == {1, 5, 10}
    # Although read late, the loss and the norm are still those of the last update.
    assert math.isfinite(learner.last_loss)
    assert math.isfinite(learner.gradient_norm)


def test_reads_on_the_cpu_are_counted(monkeypatch):
    """So that the test above can fail."""
    reads = Reads(monkeypatch)
    fit(Network(99, "loss"), callbacks=[Numbers(reads)])
    assert {update for update, _ in reads.of if update} == set(range(1, 13))


@pytest.mark.parametrize("clip", [1.0, None])
def test_training_with_deferred_detection_equals_that_on_the_cpu(clip, monkeypatch):
    at_once = ended(Network(99, "loss"), clip=clip)
    monkeypatch.setattr(divergence, "free_to_read", lambda value: False)
    assert ended(Network(99, "loss"), clip=clip) == at_once


@pytest.mark.usefixtures("device")
def test_the_first_number_counts_however_many_follow():
    watch, weight = DivergenceWatch(), nn.Parameter(torch.tensor([1.0, 2.0]))
    for update, (loss, norm) in enumerate([(1.0, 2.0), (0.5, math.inf), (math.nan, math.nan)], 1):
        watch.see("loss", torch.tensor(loss), update, 7 + update)
        watch.see("norm of the gradient", torch.tensor(norm), update, 7 + update)
        watch.keep([weight])
        with torch.no_grad():
            weight += 1.0
        watch.undo()
    assert weight.tolist() == [2.0, 3.0]  # after the first update
    with pytest.raises(Diverged, match=r"^the norm of the gradient became inf at update 2$") as raised:
        watch.check()
    assert (raised.value.step, raised.value.batch) == (2, 9)


@pytest.mark.usefixtures("device")
def test_no_checkpoint_is_written_of_a_run_that_has_diverged():
    network = Network(99, "loss")
    learner, _, _ = fit(network, updates=1)
    learner.watch.see("loss", torch.tensor(math.nan), 2)
    with pytest.raises(Diverged, match=r"^the loss became nan at update 2$"):
        learner.on_save_checkpoint({})
    assert learner.trainer.global_step == 1


def test_gradients_that_are_scaled_may_overflow(monkeypatch):
    """16-mixed skips such an update."""
    network = nn.Linear(2, 2)
    learner = Learner(network, SimpleNamespace(), Bits(), None, None)
    monkeypatch.setattr(Learner, "_scaled", True)
    loop = SimpleNamespace(_should_accumulate=lambda: False)
    learner.trainer = SimpleNamespace(global_step=6, log_every_n_steps=50, fit_loop=loop)
    network.weight.grad = torch.full((2, 2), math.inf)
    learner.configure_gradient_clipping(None, 1.0)
    assert math.isinf(learner.gradient_norm)
