"""Refusals of invalid configurations: the full key, the value, and what is allowed."""

import copy
import functools
import math

import lightning
import pytest
import torch
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from src.cells.lstm import LSTM
from src.lit.rmsprop_graves import RMSpropGraves
from src.settings import build, keys, loggers, training
from src.settings.errors import ConfigError
from src.tasks.repeat_copy import RepeatCopy
from tests.helpers import AT_ONCE, compose_train

SEED = "an integer of at least 0 and at most 4294967295"
COUNT = "an integer of at least 1"
POSITIVE = "a finite number above 0"
COLOURS = "a colour map of matplotlib, such as jet, viridis or cividis"


pytestmark = pytest.mark.usefixtures("unchecked_types")


def make(cfg, folder="nowhere"):
    """Task, learner, callbacks and trainer of a run."""
    keys.check_run(cfg)
    task = build.build_task(cfg)
    learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    callbacks = training.build_callbacks(cfg, folder, learner)
    trainer = training.build_trainer(cfg, folder, callbacks, loggers.build(cfg, folder))
    return task, learner, callbacks, trainer


@functools.cache
def composed(*overrides):
    return compose_train(*overrides)


def changed(key, value, *overrides):
    """A composed configuration with one value set as on the command line."""
    cfg = copy.deepcopy(composed(*overrides))
    *sections, name = key.split(".")
    functools.reduce(dict.__getitem__, sections, cfg)[name] = value
    return cfg


def refused(text, cfg):
    with pytest.raises(ConfigError) as refusal:
        make(cfg)
    assert str(refusal.value) == text


def test_a_config_error_is_compact_for_hydra():
    assert issubclass(ConfigError, CompactHydraException)


@pytest.mark.parametrize("value", ["abc", 2.5, 0, -1, math.nan, math.inf, None, True])
@pytest.mark.parametrize("key", ["model.memory_slots", "trainer.max_steps", "trainer.log_every_n_steps"])
def test_invalid_counts(key, value):
    refused(f"{key}={value!r}: must be {COUNT}", changed(key, value))


@pytest.mark.parametrize("value", [0, -0.1, math.nan, math.inf, "abc", True])
@pytest.mark.parametrize("key", ["optimizer.lr", "trainer.gradient_clip_val"])
def test_invalid_positive_numbers(key, value):
    refused(f"{key}={value!r}: must be {POSITIVE}", changed(key, value))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "rmsprop_graves"])
@pytest.mark.parametrize("value", [0, math.inf, None])
def test_invalid_learning_rate_of_every_optimizer(optimizer, value):
    refused(
        f"optimizer.lr={value!r}: must be {POSITIVE}", changed("optimizer.lr", value, f"optimizer={optimizer}")
    )


@pytest.mark.parametrize("value", [-1, 2**32, 1.5, "abc", None])
def test_invalid_seed(value):
    refused(f"seed={value!r}: must be {SEED}", changed("seed", value))


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("model.carry", "both", "one of weighting, position"),
        ("model.engine", "fast", "one of auto, fused, reference"),
        ("model.jump_range", 0, f"{POSITIVE} and of at most 1e+06"),
        ("validate_every", 0, COUNT),
        ("stop_when_solved", 1, "true or false"),
        ("solve_threshold", -0.1, "a finite number of at least 0"),
        ("schedule.warmup", 1, "a finite number of at least 0 and below 1"),
        ("trainer.accelerator", "abacus", "one of auto, cpu, gpu, cuda, mps, tpu"),
        ("callbacks.pictures.every", 0, COUNT),
        ("callbacks.generalisation.every", 0, COUNT),
        ("callbacks.progress.every", "abc", "a finite number of at least 0"),
        ("callbacks.solved.stop", "abc", "true or false"),
        ("figure.cmap", "rainbows", f"{COLOURS}; did you mean 'rainbow'?"),
        ("figure.cmap", None, COLOURS),
        ("figure.cmap", ["jet"], COLOURS),
    ],
)
def test_invalid_values(key, value, allowed):
    refused(f"{key}={value!r}: must be {allowed}", changed(key, value))


@pytest.mark.parametrize("value", [0.5, 0.7])
def test_sigma_init_must_be_above_sigma_min(value):
    refused(f"model.sigma_init=0.5: must be above sigma_min={value}", changed("model.sigma_min", value))


NUMBERLESS = "raw on a task whose inputs have no number"


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["task=copy", "model.controller=counter_lstm"], f"model.number_input='hidden': must be {NUMBERLESS}"),
        (
            ["task=mnist1d", "model=ntm", "model.controller=counter_lstm", "model.number_input=clamped"],
            f"model.number_input='clamped': must be {NUMBERLESS}",
        ),
        (["model.number_input=shown"], "model.number_input='shown': must be one of hidden, clamped, raw"),
        (["model.counters=-1"], "model.counters=-1: must be an integer of at least 0"),
        (
            ["model.controller=counter_lstm", "model.counters=100"],
            "model.counters=100: must be below the number of cells, 100",
        ),
        (
            ["model.delta_init={read:0,wirte:1}"],
            "model.delta_init={'read': 0, 'wirte': 1}: must be one value for all heads, or {read: .., write: ..}",
        ),
        (["model.gate_bias={read:0,write:x}"], "model.gate_bias.write='x': must be a finite number"),
        (
            ["model.delta_init={read:[1.0],write:0}", "model.read_heads=2"],
            "model.delta_init.read=[1.0]: must be one value, or a list of 2, one for each read head",
        ),
        (
            ["model.gate_bias={read:[0,x],write:0}", "model.read_heads=2"],
            "model.gate_bias.read[1]='x': must be a finite number",
        ),
        (["model.input_skip=1"], "model.input_skip=1: must be true or false"),
        (["model.kernel=student"], "model.kernel='student': must be one of gaussian, cauchy"),
        (["model.lattice=2"], "model.lattice=2: must be a finite number of at least 0 and of at most 1"),
        (["model.sigma_max=0.4"], "model.sigma_init=0.5: must be below sigma_max=0.4"),
        (["model.sigma_init={read:0.05,write:1}"], "model.sigma_init.read=0.05: must be above sigma_min=0.1"),
        (
            ["model.sigma_max=1e300"],
            "model.sigma_max=1e+300: must be a finite number above 0.1 and of at most 1e+06",
        ),
        (
            ["model.sigma_schedule={factor:4}"],
            "model.sigma_schedule={'factor': 4}: must be null or {factor: .., share: ..}, such as ",
        ),
        (
            ["task=copy", "model.input_skip=true", "model.input_skip_init=-1"],
            "model.input_skip_init=-1: must be 0 on a task whose inputs have no number",
        ),
        (["+model.numbers=[1]"], "model.numbers=[1]: unknown key; must be one of "),
    ],
)
def test_options_of_the_heads_and_of_the_counters(overrides, text):
    """In one line, before anything is made."""
    with pytest.raises(ConfigError) as refusal:
        make(compose_train("model=dms_ntm", *overrides))
    assert str(refusal.value).startswith(text)
    assert "\n" not in str(refusal.value)


def test_values_by_head_on_the_command_line():
    """A second read head that counts: with an input skip and initial values of its own."""
    cfg = compose_train(
        "model=dms_ntm",
        "task=repeat_copy",
        "model.read_heads=2",
        "model.motion=relative",
        "model.delta_init={read:[1.0,0.0],write:1.0}",
        "model.gate_bias={read:[-2.0,-20.0],write:-2.0}",
        "model.input_skip={read:[false,true],write:false}",
        "model.input_skip_init={read:[0.0,-1.0],write:0.0}",
        "model.sigma_max={read:[null,1.5],write:0.6}",
        "model.sigma_schedule={read:[null,{factor:5.0,share:0.6}],write:null}",
    )
    cell = make(cfg)[1].network.cell
    assert (cell.delta_init, cell.gate_bias) == ((1.0, 0.0, 1.0), (-2.0, -20.0, -2.0))
    assert (cell.input_skip, cell.input_skip_init) == ((False, True, False), (0.0, -1.0, 0.0))
    assert cell.sigma_max == (None, 1.5, 0.6)
    assert cell.sigma_schedule == (None, (5.0, 0.6), None)


def test_a_task_tells_a_machine_which_inputs_are_numbers():
    cfg = compose_train("model=ntm", "model.controller=counter_lstm", "task.width=5")
    assert make(cfg)[1].network.cell.controller.numbers == [6]


@pytest.mark.parametrize("name", ["interrupt", "clock", "history", "solved", "randomness", "checkpoint"])
def test_needed_callbacks_cannot_be_left_out(name):
    text = f"callbacks.{name}=None: cannot be left out; only pictures, generalisation, progress, dashboard can"
    refused(text, changed(f"callbacks.{name}", None))


def test_clipping_can_be_turned_off():
    assert make(changed("trainer.gradient_clip_val", None))[3].gradient_clip_val is None


@pytest.mark.parametrize("name", ["gpu", "cuda"])
def test_a_missing_accelerator_is_refused(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = "there is no CUDA device here; must be cpu or auto on this machine"
    refused(f"trainer.accelerator={name!r}: {text}", changed("trainer.accelerator", name))


@pytest.mark.parametrize("section", ["model", "task", "optimizer", "schedule", "trainer", "callbacks.history"])
@pytest.mark.parametrize("target", ["no.such.thing", "math.pi", "src", None, 3])
def test_invalid_targets(section, target):
    text = f"{section}._target_={target!r}: must be a class or function that can be imported"
    refused(text, changed(f"{section}._target_", target))


@pytest.mark.parametrize(
    ("section", "known"),
    [
        ("model", "beta_bias, bookmark_bias, carry, content_addressing"),
        ("task", "batch_size, cell_size, count_noise"),
        ("optimizer", "amsgrad, betas"),
        ("schedule", "final, updates, warmup"),
        ("trainer", "accelerator, accumulate_grad_batches"),
        ("callbacks.pictures", "cmap, every"),
        ("logger.tensorboard", "log_graph, prefix, sub_dir"),
    ],
)
def test_unknown_keys(section, known):
    with pytest.raises(ConfigError) as refusal:
        make(changed(f"{section}.memory_slotz", 3))
    assert str(refusal.value).startswith(f"{section}.memory_slotz=3: unknown key; must be one of {known}")


@pytest.mark.parametrize("key", ["task.seed", "optimizer.params", "logger.tensorboard.save_dir"])
def test_arguments_that_the_run_sets_are_refused(key):
    with pytest.raises(ConfigError) as refusal:
        make(changed(key, 1))
    given, _, allowed = str(refusal.value).partition(": unknown key; must be one of ")
    assert given == f"{key}=1"
    assert allowed
    assert key.split(".")[-1] not in allowed.split(", ")


@pytest.mark.parametrize("model", AT_ONCE)
def test_models_of_one_length_refuse_sequences_of_changing_length(model):
    refused(
        f"model.name={model!r}: reads sequences of one length and answers once, but this task's length changes "
        "and it answers at every step; must be one that goes step by step, such as lstm or ntm",
        composed(f"model={model}"),
    )


def test_invalid_task_settings():
    text = "task.sequence_length=30: must be one of 40, 20"
    refused(text, changed("task.sequence_length", 30, "task=mnist1d", "model=lstm"))
    refused("task.min_length=11: must be at most max_length=10", changed("task.min_length", 11))
    refused(f"task.test_cells[1][0]=0: must be {COUNT}", changed("task.test_cells", [[1, 2], [0, 1]]))


@pytest.mark.parametrize("betas", [[0.9], "abc", [2, 3]])
def test_a_refusal_by_a_foreign_constructor_names_the_arguments(betas):
    with pytest.raises(ConfigError) as refusal:
        make(changed("optimizer.betas", betas))
    text = str(refusal.value)
    assert text.startswith("optimizer: AdamW refuses {'lr': 0.0015, ")
    assert f"'betas': {betas!r}" in text
    assert "\n" not in text


def test_resolve_names_an_unknown_reference():
    with pytest.raises(ConfigError, match="'nothing' not found"):
        keys.resolve(OmegaConf.create({"a": "${nothing}"}))


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_a_run_is_built_as_configured(seed):
    overrides = ("optimizer=rmsprop_graves", "optimizer.lr=2e-3", "model.memory_slots=7", "task.width=3")
    task, learner, callbacks, trainer = make(compose_train(f"seed={seed}", *overrides), "there")
    assert (task.seed, task.width, learner.network.cell.memory_slots) == (seed, 3, 7)
    assert (learner.network.cell.input_size, learner.network.readout.out_features) == (5, 4)
    optimizer = learner.configure_optimizers()["optimizer"]
    assert type(optimizer) is RMSpropGraves
    assert optimizer.param_groups[0]["lr"] == 2e-3
    names = [type(one).__name__ for one in callbacks]
    assert names == [
        "Interrupt", "Clock", "History", "Solved", "Pictures", "Generalisation", "Progress", "Dashboard",
        "Randomness", "Checkpoint",
    ]  # fmt: skip
    assert (callbacks[-1].monitor, callbacks[-1].mode) == ("validation/bits", "min")
    assert str(callbacks[2].path) == "there/history.csv"
    assert (trainer.max_steps, trainer.gradient_clip_val) == (20000, 0.1)
    assert isinstance(trainer.logger, lightning.pytorch.loggers.TensorBoardLogger)
    quiet = compose_train("trainer.enable_progress_bar=false", "logger=none")
    assert "Progress" not in [type(one).__name__ for one in make(quiet)[2]]
    assert loggers.build(quiet, "there") == []


def test_all_arguments_that_a_target_needs_are_named():
    cfg = copy.deepcopy(composed("model=lstm"))
    cfg["model"] = {"name": "mine", "_target_": f"{__name__}.Needing", "one": 1}
    refused("model: Needing refuses {'one': 1}: it needs model.two, model.three", cfg)


class Needing(LSTM):
    """A cell with arguments that have no defaults."""

    def __init__(self, input_size, one, two, three, four=4):
        super().__init__(input_size, one)


class WithoutSizes(RepeatCopy):
    """A task that lacks attributes."""

    def __init__(self, seed):
        super().__init__(seed=seed)
        del self.input_size, self.output_size


def test_a_task_that_lacks_attributes_is_refused():
    cfg = copy.deepcopy(composed())
    cfg["task"] = {"name": "mine", "_target_": f"{__name__}.WithoutSizes"}
    lacks = "WithoutSizes lacks input_size, output_size, see the docstring of Task"
    refused(f"task._target_='{__name__}.WithoutSizes': {lacks}", cfg)
