"""Allowed arguments and callbacks of the Trainer; others are refused with a reason before a run begins."""

import inspect
import re
from datetime import timedelta

import lightning
import pytest
import torch

from src.common.checks import Refusal
from src.launch import estimate
from src.settings import build, trainer_arguments, training
from src.settings.errors import ConfigError
from src.settings.trainer_arguments import ARGUMENTS, duration
from src.train import assemble
from tests.helpers import compose_train, small, train_small

HONOURED = [name for name, rule in ARGUMENTS.items() if not isinstance(rule, str)]
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau"
LIGHTNING = "lightning.pytorch.callbacks."


def no_logger(save_dir, name, version):
    """A target whose result is not a logger."""
    return [save_dir, name, version]


def refusal_of(*overrides, folder, model="lstm", **changes):
    """The text of the refusal of a configuration; checks that nothing is written."""
    cfg = compose_train(*small(*overrides, model=model))
    for section, node in changes.items():
        cfg[section] = node
    with pytest.raises(ConfigError) as refusal:
        assemble(cfg, folder)
    assert not list(folder.iterdir())
    return str(refusal.value)


def test_every_argument_of_the_trainer_is_in_the_list():
    assert set(ARGUMENTS) == set(inspect.signature(lightning.Trainer).parameters)


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name not in HONOURED])
def test_refused_arguments_give_the_reason(name, tmp_path):
    text = refusal_of(f"+trainer.{name}=1", folder=tmp_path)
    assert text == f"trainer.{name}=1: cannot be given, {ARGUMENTS[name]}"


def test_a_misspelt_argument_lists_the_allowed_ones(tmp_path):
    text = refusal_of("+trainer.precison=32", folder=tmp_path)
    allowed = ", ".join(sorted(HONOURED))
    assert text == f"trainer.precison=32: unknown key; must be one of {allowed}; did you mean 'precision'?"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("precision=bf16-true", "precision='bf16-true': must be one of 32-true, 64-true, bf16-mixed, 16-mixed"),
        ("precision=8", "precision=8: must be one of 32-true, 64-true, bf16-mixed, 16-mixed"),
        ("profiler=fast", "profiler='fast': must be one of simple, advanced, pytorch"),
        ("gradient_clip_algorithm=elements", "gradient_clip_algorithm='elements': must be one of norm, value"),
        ("accumulate_grad_batches=0", "accumulate_grad_batches=0: must be an integer of at least 1"),
        ("accumulate_grad_batches=null", "accumulate_grad_batches=None: must be an integer of at least 1"),
        ("detect_anomaly=1", "detect_anomaly=1: must be true or false"),
        (
            "max_time=3",
            "max_time=3: must be a time above 0 as DD:HH:MM:SS, or days, hours, minutes, seconds by name",
        ),
        ("max_time={hours:-1}", "max_time.hours=-1: must be a finite number of at least 0 and of at most 1e+06"),
    ],
)
def test_invalid_values(given, text, tmp_path):
    assert refusal_of(f"+trainer.{given}", folder=tmp_path) == f"trainer.{text}"


def test_clipping_by_value_needs_a_value(tmp_path):
    text = refusal_of("+trainer.gradient_clip_algorithm=value", "trainer.gradient_clip_val=null", folder=tmp_path)
    assert text == "trainer.gradient_clip_algorithm='value': must be null without trainer.gradient_clip_val"


def test_durations():
    assert duration("max_time", "01:02:03:04") == timedelta(days=1, hours=2, minutes=3, seconds=4)
    assert duration("max_time", {"minutes": 1.5}) == timedelta(seconds=90)
    for bad in ("00:00:00:00", "1:2:3:4", "01:02:03", "", {}, {"weeks": 1}, {"seconds": 0}, True, None, [1]):
        with pytest.raises(Refusal, match=r"^max_time=.*must be a time above 0"):
            duration("max_time", bad)


class TestPrecision:
    @pytest.mark.parametrize(
        ("precision", "model", "task", "engine", "dtype"),
        [
            ("bf16-mixed", "ntm", "repeat_copy", "reference", torch.float32),
            ("bf16-mixed", "dms_ntm", "mnist1d_seed", "reference", torch.float32),
            ("bf16-mixed", "gru", "repeat_copy", "reference", torch.float32),
            ("bf16-mixed", "resnet1d", "mnist1d", None, torch.float32),
            ("16-mixed", "lstm", "mnist1d", None, torch.float32),
            ("64-true", "dms_ntm", "repeat_copy", "fused", torch.float64),
            ("64-true", "ntm", "mnist1d", "fused", torch.float64),
            ("64-true", "cnn", "mnist1d", None, torch.float64),
        ],
    )
    def test_a_whole_run(self, precision, model, task, engine, dtype, tmp_path):
        """With figures and probes. It must train, since the test is about the dtype at each place."""
        settings = (f"+trainer.precision={precision}", "logger=tensorboard", "trainer.max_steps=2")
        outcome = train_small(tmp_path / "run", *settings, model=model, task=task)
        assert (outcome.metrics["status"], outcome.metrics["engine"]) == ("finished", engine)
        assert {weight.dtype for weight in outcome.learner.network.parameters()} == {dtype}

    @pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
    @pytest.mark.parametrize("model", ["ntm", "dms_ntm", "lstm", "gru"])
    def test_autocast_keeps_state_and_memory_in_float32(self, model, half):
        cfg = compose_train(*small(*(["model.engine=reference"] if "ntm" in model else []), model=model))
        task = build.build_task(cfg)
        net = build.build_network(cfg, task)
        x = torch.rand(2, 7, task.input_size)
        exact, _ = net(x)
        with torch.autocast("cpu", half):
            first, state = net(x[:, :3])
            second, after = net(x[:, 3:], state)  # the state can be passed on
        assert {leaf.dtype for leaf in torch.utils._pytree.tree_leaves(after)} == {torch.float32}
        y = torch.cat([first, second], 1)
        torch.testing.assert_close(y.float(), exact, rtol=0, atol=0.05)
        y.float().square().sum().backward()
        assert all(torch.isfinite(weight.grad).all() for weight in net.parameters() if weight.grad is not None)

    def test_a_fused_optimiser_leaves_scaled_gradients_to_the_scaler(self, monkeypatch):
        """With a GPU that is mocked."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        cfg = compose_train(*small("trainer.accelerator=gpu", "+trainer.precision=16-mixed", model="lstm"))
        task = build.build_task(cfg)
        made = build.build_learner(cfg, task, build.build_network(cfg, task)).make_optimizer
        assert made([torch.nn.Parameter(torch.zeros(1))]).defaults["fused"] is False

    @pytest.mark.filterwarnings("ignore:Detected call of .lr_scheduler.step")  # the first update is skipped
    def test_an_update_whose_scaled_gradients_overflow_is_skipped(self, tmp_path):
        """It does not count as divergence. float16 with a gradient scaler also runs on the CPU."""
        cfg = compose_train(*small("optimizer.fused=false", model="gru"))
        task = build.build_task(cfg)
        learner = build.build_learner(cfg, task, build.build_network(cfg, task))
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)
        plugin = lightning.pytorch.plugins.MixedPrecision("16-mixed", "cpu", scaler)
        quiet = dict.fromkeys(("enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
        trainer = lightning.Trainer(
            accelerator="cpu", max_steps=1, limit_val_batches=0, logger=False, plugins=[plugin], **quiet
        )
        task.plan(1)
        before = [weight.clone() for weight in learner.network.parameters()]
        with quietly():
            trainer.fit(learner, datamodule=task)
        assert not learner.gradient_norm < float("inf")
        assert scaler.get_scale() < 2.0**127
        assert all(map(torch.equal, before, learner.network.parameters()))


def quietly():
    """Context without Lightning's warnings."""
    from src.run.quiet import quiet

    return quiet()


def test_clipping_by_value_is_honoured(tmp_path):
    """With plain gradient descent, no weight changes by more than the clipping value."""
    plain = ("optimizer._target_=torch.optim.SGD", "~optimizer.betas", "~optimizer.fused", "optimizer.lr=1.0")
    settings = ("+trainer.gradient_clip_algorithm=value", "trainer.gradient_clip_val=1e-4", *plain)
    cfg = compose_train(*small(*settings, model="lstm"))
    task = build.build_task(cfg)
    torch.manual_seed(0)
    lightning.seed_everything(0, verbose=False)
    before = build.build_network(cfg, task).state_dict()
    after = train_small(tmp_path / "run", *settings, model="lstm").learner.network.state_dict()
    moved = torch.cat([(after[name] - before[name]).abs().flatten() for name in before])
    assert 0.99e-4 < moved.max() < 1.01e-4
    assert (moved > 0.99e-4).float().mean() > 0.01


class TestCallbacks:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            (
                "StochasticWeightAveraging",
                "it counts epochs, and an epoch is the time between two validations here",
            ),
            ("Timer", "trainer.max_time does that"),
            ("ModelCheckpoint", "a run keeps its newest and its best checkpoint"),
            ("BatchSizeFinder", "src.search searches it, as in task.batch_size=4,16,64"),
            ("LearningRateFinder", "src.search searches it, as in 'optimizer.lr=tag(log,interval(1e-4,1e-1))'"),
        ],
    )
    def test_refused_callbacks_of_lightning(self, name, reason, tmp_path):
        needed = ["+callbacks.more.swa_lrs=0.1"] if "Averaging" in name else []
        text = refusal_of(f"+callbacks.more._target_={LIGHTNING}{name}", *needed, folder=tmp_path)
        assert text == f"callbacks.more._target_='{LIGHTNING}{name}': cannot be used, {reason}"

    def test_a_subclass_of_a_refused_callback_is_refused(self):
        kind = type("Mine", (lightning.pytorch.callbacks.Timer,), {"__module__": "mine"})
        assert trainer_arguments.refused_callback(kind) == "trainer.max_time does that"
        free = type("Mine", (lightning.pytorch.callbacks.Callback,), {"__module__": "mine"})
        assert trainer_arguments.refused_callback(free) is None

    def test_a_needed_callback_cannot_be_replaced_by_another_class(self, tmp_path):
        early = (f"callbacks.clock._target_={LIGHTNING}EarlyStopping", "+callbacks.clock.monitor=validation/bits")
        text = refusal_of(*early, folder=tmp_path)
        assert text == f"callbacks.clock._target_='{LIGHTNING}EarlyStopping': must give a Clock"

    def test_callbacks_of_this_project_are_allowed(self):
        cfg = compose_train(*small(model="lstm"))
        task = build.build_task(cfg)
        learner = build.build_learner(cfg, task, build.build_network(cfg, task))
        assert len(training.build_callbacks(cfg, "run", learner)) == len(cfg["callbacks"]) - 1  # no progress bar

    def test_a_target_that_is_not_a_callback_is_refused(self, tmp_path):
        text = refusal_of("+callbacks.more._target_=fractions.Fraction", folder=tmp_path)
        assert text == "callbacks.more._target_='fractions.Fraction': must give a Callback"
        text = refusal_of("+callbacks.more._target_=builtins.dict", folder=tmp_path)
        assert text == "callbacks.more._target_='builtins.dict': must be a class or function that can be imported"

    def test_early_stopping_on_an_unknown_metric_is_refused(self, tmp_path):
        early = (f"+callbacks.early._target_={LIGHTNING}EarlyStopping", "+callbacks.early.monitor=val_loss")
        text = refusal_of(*early, folder=tmp_path)
        assert text.startswith(
            "callbacks.early.monitor='val_loss': must be one of validation/bits, validation/error_"
        )

    def test_a_learning_rate_monitor_without_a_logger_is_refused(self, tmp_path):
        text = refusal_of(f"+callbacks.rate._target_={LIGHTNING}LearningRateMonitor", folder=tmp_path)
        assert text.endswith("LearningRateMonitor': needs a logger, and logger=none has none")

    def test_early_stopping_ends_a_run(self, tmp_path, caplog):
        """The run counts as finished, and is tested."""
        caplog.set_level("INFO")
        early = [f"+callbacks.early._target_={LIGHTNING}EarlyStopping", "+callbacks.early.monitor=validation/bits"]
        early += ["+callbacks.early.patience=1", "+callbacks.early.min_delta=1e6", "logger=csv"]
        early += [f"+callbacks.rate._target_={LIGHTNING}LearningRateMonitor", "trainer.max_steps=9"]
        metrics = train_small(tmp_path / "run", *early, model="lstm").metrics
        assert (metrics["status"], metrics["updates"], metrics["error"]) == ("finished", 2, None)
        assert (metrics["cause"], metrics["recoverable"]) == ("callback", False)
        assert set(metrics["test"]) == {"in_distribution", "3x4"}
        assert "A callback ended the run after update 2." in caplog.messages


@pytest.mark.parametrize("task", ["repeat_copy", "mnist1d"])
def test_the_names_of_metrics_are_those_computed(task):
    cfg = compose_train(*small(model="lstm", task=task))
    made = build.build_task(cfg)
    made.setup()
    one = build.build_learner(cfg, made, build.build_network(cfg, made))
    one.measure(made.validation[:1])
    assert one.objective.names == tuple(one.counts.compute())


class TestOptimisersAndSchedules:
    def test_a_schedule_that_needs_a_metric_is_refused(self, tmp_path):
        text = refusal_of(folder=tmp_path, schedule={"_target_": PLATEAU})
        assert text == (
            f"schedule._target_='{PLATEAU}': waits for a metric of an epoch; must be one that is stepped at every "
            "update"
        )

    @pytest.mark.parametrize(
        ("name", "why"),
        [("LBFGS", r"step\(\) missing 1 required"), ("SparseAdam", "does not support dense gradients")],
    )
    def test_an_optimiser_that_needs_more_than_gradients_is_refused(self, name, why, tmp_path):
        text = refusal_of(folder=tmp_path, optimizer={"_target_": f"torch.optim.{name}", "lr": 0.1})
        assert re.match(rf"optimizer\._target_=.torch\.optim\.{name}.: cannot make.*{why}", text)

    @pytest.mark.parametrize(
        ("section", "node", "text"),
        [
            (
                "optimizer",
                {"_target_": "torch.nn.Linear", "lr": 0.1},
                "optimizer._target_='torch.nn.Linear': must give a Optimizer",
            ),
            (
                "schedule",
                {"_target_": "src.lit.rmsprop_graves.RMSpropGraves"},
                "schedule._target_='src.lit.rmsprop_graves.RMSpropGraves': must give a LRScheduler",
            ),
            (
                "logger",
                {"mine": {"_target_": "tests.settings.test_trainer_arguments.no_logger"}},
                "logger.mine._target_=",
            ),
        ],
    )
    def test_targets_of_a_wrong_class_are_refused(self, section, node, text, tmp_path):
        assert refusal_of(folder=tmp_path, **{section: node}).startswith(text)


class TestEstimate:
    def test_the_time_of_an_update_counts_accumulated_batches(self):
        def seconds(*more):
            cfg = compose_train(*small("trainer.max_steps=1000", "validate_every=1000", *more, model="lstm"))
            return estimate.cost(cfg, 0.01, 0.0, 0).seconds - estimate.OVERHEAD

        assert seconds() == pytest.approx(10.0)
        assert seconds("+trainer.accumulate_grad_batches=20") == pytest.approx(200.0)
        assert seconds("+trainer.max_time=00:00:00:03") == pytest.approx(3.0)

    def test_callbacks_are_tried_out(self):
        good, bad = (compose_train(*small(f"callbacks.pictures.every={n}", model="lstm")) for n in (1, 0))
        found = estimate.costs([good, bad])
        assert isinstance(found[0], estimate.Cost)
        assert found[1] == "callbacks.pictures.every=0: must be an integer of at least 1"

    @pytest.mark.parametrize("precision", ["64-true", "bf16-mixed"])
    def test_it_measures_in_the_precision_of_the_run(self, precision):
        cfg = compose_train(*small(f"+trainer.precision={precision}", model="ntm"))
        assert all(isinstance(one, estimate.Cost) for one in estimate.costs([cfg]))
