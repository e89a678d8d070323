"""conf/: every file composes; names and defaults that users' scripts rely on."""

import inspect
import re
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_object
from omegaconf import OmegaConf

from src.common.paths import CONF
from src.settings import build, cli, keys, loggers, training
from tests.helpers import AT_ONCE, compose_evaluate, compose_train

CONF = Path(CONF)
FILES = sorted(CONF.rglob("*.yaml"))
#: Choices of the groups that always have one choice; other folders hold lists or are applied by name.
CHOICES = [
    (path.parent.name, path.stem)
    for path in FILES
    if path.parent.name in ("model", "task", "optimizer", "schedule", "trainer", "callbacks", "logger")
]
NTM_DEFAULTS = {
    "memory_slots": 128,
    "word_size": 20,
    "controller": "lstm",
    "controller_size": 100,
    "read_heads": 1,
    "write_heads": 1,
    "content_addressing": True,
    "memory_init": "constant",
    "output_clip": 20.0,
    "engine": "auto",
    "counters": None,
    "number_input": None,
    "counter_feedback": None,
    "counter_candidate": None,
    "input_skip": False,
}
#: Keys that users' scripts may set, with defaults; None stands for a default that may change.
DEFAULTS = {
    ("model", "mlp"): {"hidden_sizes": None},
    ("model", "cnn"): {"channels": 25},
    ("model", "resnet1d"): {"channels": None, "blocks": None},
    ("model", "lstm"): {"hidden_size": None, "num_layers": 1},
    ("model", "gru"): {"hidden_size": None, "num_layers": 1},
    ("model", "min_gru"): {"hidden_size": None, "num_layers": None},
    ("model", "transformer"): {
        "hidden_size": None,
        "num_layers": None,
        "num_heads": None,
        "mlp_factor": None,
        "positions": "rotary",
        "max_positions": None,
        "dropout": 0.0,
    },
    ("model", "dnc"): {
        **dict.fromkeys(("memory_slots", "word_size", "read_heads", "controller", "controller_size")),
        **dict.fromkeys(("mask_keys", "erase_freed", "sharpen_links"), False),
    },
    ("model", "lie_access_ntm"): {
        **dict.fromkeys(("word_size", "read_heads", "controller", "controller_size", "gate_bias")),
        "dimensions": None,
        "kernel": "inverse_square",
    },
    ("model", "tape_rnn"): {
        **dict.fromkeys(("memory_slots", "word_size", "mlp_sizes", "controller", "controller_size")),
        "oracle": True,
    },
    ("model", "panm"): dict.fromkeys(
        ("address_bits", "pointers", "content_pointers", "pointer_size", "encoder_size", "controller_size")
    ),
    ("model", "ntm"): {**NTM_DEFAULTS, "shift_range": 1},
    ("model", "dms_ntm"): {
        **NTM_DEFAULTS,
        "carry": None,
        "motion": None,
        "sigma_init": None,
        "sigma_min": None,
        "num_scales": None,
        "jump_range": None,
        "jump_bias": None,
        "kernel": "gaussian",
        "sigma_max": None,
        "sigma_schedule": None,
        "lattice": 0.0,
    },
    **{
        ("task", name): {
            "reach": 8,
            "held_out": [],
            "distance_tests": [],
            "min_length": 4,
            "max_length": 16,
            "min_hops": 1,
            "max_hops": 8,
            "encoding": "scalar",
            "width": 8,
            "batch_size": None,
            "test_cells": [[16, 16, 8], [32, 8, 8], [32, 16, 8]],
        }
        for name in ("seek", "pointer_chasing")
    },
    ("task", "strided_copy"): {
        "min_length": 1,
        "max_length": 16,
        "min_stride": 1,
        "max_stride": 4,
        "width": 8,
        "test_cells": [[32, 2], [32, 4], [16, 6]],
    },
    ("task", "associative_recall"): {
        "min_items": 2,
        "max_items": 6,
        "item_length": 3,
        "width": 6,
        "test_cells": [8, 12, 16, 20],
    },
    ("task", "mnist1d"): {"sequence_length": 40, "batch_size": None},
    ("task", "mnist1d_seed"): {"sequence_length": 40, "batch_size": None},
    ("task", "repeat_copy"): {
        "min_length": 1,
        "max_length": 10,
        "min_repeats": 1,
        "max_repeats": 10,
        "width": 8,
        "batch_size": None,
        "test_cells": [[10, 20], [20, 10], [20, 20], [40, 5]],
    },
    **{
        ("task", name): {
            "min_length": 1,
            "max_length": 20,
            "width": 8,
            "batch_size": None,
            "test_cells": [30, 50, 120],
        }
        for name in ("copy", "reverse")
    },
    ("task", "mqar"): {
        "min_pairs": 1,
        "max_pairs": 16,
        "min_length": 48,
        "max_length": 64,
        "vocabulary": 256,
        "test_cells": [[16, 128], [32, 128]],
    },
    ("task", "priority_sort"): {
        "min_length": 2,
        "max_length": 20,
        "width": 8,
        "share": 0.8,
        "test_cells": [30, 40],
    },
    ("task", "dynamic_ngrams"): {"min_length": 200, "max_length": 200, "context": 5, "test_cells": [400, 1000]},
    **{
        ("task", name): {
            "min_length": least,
            "max_length": 40,
            "vocabulary": 2,
            "test_min": 41,
            "test_max": 500,
            "test_per_length": 2,
            "test_cells": [100, 250, 500],
        }
        for name, least in (("duplicate_string", 1), ("odds_first", 1), ("missing_duplicate", 2))
    },
    ("optimizer", "adamw"): {"lr": None},
    ("optimizer", "adam"): {"lr": None},
    ("optimizer", "rmsprop"): {"lr": 1e-4},
    ("optimizer", "rmsprop_graves"): {"lr": None},
    ("logger", "tensorboard"): {},
    ("logger", "csv"): {},
    ("logger", "none"): {},
}
#: Arguments that the run fills in.
GIVEN = {"self", "input_size", "output_size", "steps", "seed", "params", "optimizer", "numbers"}


def suitable(group, name):
    """Overrides with which a choice can be built: some models need mnist1d, which has one length."""
    return [f"{group}={name}", *(["task=mnist1d"] if name in AT_ONCE else [])]


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_can_be_built(group, name):
    if group == "logger" and name in loggers.OPTIONAL:
        pytest.importorskip(name)
    if (group, name) == ("trainer", "gpu") and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    cfg = compose_train(*suitable(group, name))
    keys.check_run(cfg)
    task = build.build_task(cfg)
    learner = build.build_learner(cfg, task, build.build_network(cfg, task))
    callbacks = training.build_callbacks(cfg, "nowhere", learner)
    training.build_trainer(cfg, "nowhere", callbacks, loggers.build(cfg, "nowhere"))
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("debug", [path.stem for path in sorted((CONF / "debug").glob("*.yaml"))])
def test_every_debug_preset_composes(debug):
    cfg = compose_train(f"debug={debug}", "experiment=repeat_copy")
    keys.check_run(cfg)
    assert cfg["trainer"]["max_steps"] < compose_train()["trainer"]["max_steps"]


@pytest.mark.parametrize("experiment", [path.stem for path in sorted((CONF / "experiment").glob("*.yaml"))])
def test_every_experiment_composes_with_each_of_its_models(experiment):
    jobs = cli.composed("train", [f"experiment={experiment}"], multirun=True)
    assert len({job.folder for job in jobs}) == len(jobs) > 1
    for job in jobs:
        plain = keys.resolve(job.config)
        keys.check_run(plain)
        build.build_network(plain, build.build_task(plain))


#: Experiments that hold the chosen settings of one model in a study.
OF_STUDIES = [
    str(path.relative_to(CONF / "experiment").with_suffix(""))
    for path in sorted((CONF / "experiment").glob("*/*.yaml"))
]


@pytest.mark.parametrize("experiment", OF_STUDIES)
def test_every_experiment_of_a_study_can_be_built(experiment):
    study, model = experiment.split("/")
    cfg = compose_train(f"experiment={experiment}", *(["task=mnist1d"] if study.startswith("mnist1d") else []))
    assert cfg["model"]["name"] == model
    keys.check_run(cfg)
    build.build_network(cfg, build.build_task(cfg))


@pytest.mark.parametrize(("group", "name"), list(DEFAULTS))
def test_keys_and_defaults_that_scripts_rely_on(group, name):
    node = compose_train(*suitable(group, name), "~recipe")[group]
    expected = DEFAULTS[group, name]
    assert node.get("name", name) == name
    assert set(expected) <= set(node)
    assert {key: node[key] for key, value in expected.items() if value is not None} == {
        key: value for key, value in expected.items() if value is not None
    }


def test_defaults_of_train_and_keys_of_evaluate():
    cfg = compose_train()
    expected = {"seed": 0, "stop_when_solved": False, "solve_threshold": 0.1}
    assert {key: cfg[key] for key in expected} == expected
    assert (cfg["model"]["name"], cfg["task"]["name"]) == ("dms_ntm", "repeat_copy")
    assert (list(cfg["logger"]), cfg["trainer"]["accelerator"]) == (["tensorboard"], "cpu")
    assert {"max_steps", "deterministic", "gradient_clip_val"} <= set(cfg["trainer"])
    assert {"run", "checkpoint", "test_cells", "grid", "memory_slots"} <= set(compose_evaluate())


@pytest.mark.parametrize("model", sorted(path.stem for path in (CONF / "model").glob("*.yaml")))
@pytest.mark.parametrize("task", ["repeat_copy", "seek", "mnist1d"])
def test_presets_of_equal_parameters_differ_by_at_most_five_percent(model, task):
    """From the default NTM, on the tasks of the headline comparisons."""
    if model in AT_ONCE and task != "mnist1d":
        return
    given = ["model.oracle=false"] if (model, task) == ("tape_rnn", "mnist1d") else []
    counts = []
    for choice in (f"experiment=equal_parameters/{model}", "model=ntm"):
        cfg = compose_train(choice, f"task={task}", *(given if "experiment" in choice else []))
        network = build.build_network(cfg, build.build_task(cfg))
        counts.append(sum(p.numel() for p in network.parameters()))
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


def test_a_task_sets_its_recipe():
    for task in ("repeat_copy", "mnist1d"):
        cfg = compose_train(f"task={task}")
        recipe = cfg["task"]["recipe"]
        assert cfg["trainer"]["max_steps"] == recipe["max_steps"]
        assert cfg["validate_every"] == recipe["validate_every"]
        assert cfg["optimizer"]["lr"] == recipe["lr"]
        assert cfg["task"]["batch_size"] == recipe["batch_size"]
        assert cfg["trainer"]["gradient_clip_val"] == recipe["clip_norm"]
    assert compose_train("optimizer.lr=0.5", "trainer.max_steps=7")["optimizer"]["lr"] == 0.5
    assert compose_train("task=missing_duplicate")["solve_threshold"] == 0.01  # one answer a sequence
    assert compose_train("task=odds_first")["solve_threshold"] == 0.1


@pytest.mark.parametrize("model", ["ntm", "dms_ntm"])
def test_machines_on_repeat_copy_have_the_settings_of_the_figure(model):
    """But for the final learning rate; docs/results.md says so."""
    default, figure = compose_train(f"model={model}"), compose_train(f"experiment=repeat_copy_figure/{model}")
    assert default["schedule"].pop("final") == default["task"]["recipe"].pop("final") == 0.01
    assert figure["schedule"].pop("final") == 0
    figure["task"]["recipe"].pop("final")
    assert default == figure


def test_folders_of_a_sweep_are_readable():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = ["model=ntm", "seed=3", "hydra.job.num=4"]
        cfg = compose("train", overrides, return_hydra_config=True)
    assert cfg.hydra.sweep.subdir == "4_repeat_copy_ntm_seed3"
    assert not re.search("[=,]", cfg.hydra.run.dir)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(CONF)))
def test_every_file_and_every_key_is_explained(path):
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#")
    assert lines[0] != "# @package _global_" or lines[1].startswith("#")
    if path.parent.name not in ("model", "task", "optimizer", "schedule", "trainer"):
        return
    keys = [line for line in lines if re.match(r" *[a-z]\w*: *\S", line)]
    unexplained = [line for line in keys if "#" not in line and not line.startswith("name: ")]
    assert not unexplained


@pytest.mark.parametrize(("group", "name"), [one for one in CHOICES if one[0] in ("model", "task", "schedule")])
def test_every_argument_of_a_constructor_is_in_its_file(group, name):
    node = compose_train(*suitable(group, name))[group]
    signature = inspect.signature(get_object(node["_target_"]))
    assert set(signature.parameters) - GIVEN == set(node) - {"_target_", "name", "recipe"}


@pytest.mark.parametrize("model", ["ntm", "dms_ntm"])
def test_constructor_defaults_are_those_of_the_file(model):
    node = compose_train(f"model={model}", "task=reverse")["model"]  # a task without a recipe for it
    for name, parameter in inspect.signature(get_object(node["_target_"])).parameters.items():
        if name not in GIVEN:
            assert parameter.default == node[name], name


def test_choices_named_in_comments_are_valid():
    for model in ("ntm", "dms_ntm"):
        for line in (CONF / "model" / f"{model}.yaml").read_text().splitlines():
            key, _, comment = line.partition("#")
            if " | " not in comment or not re.match(r"\w+: \w+ ", key):
                continue
            name = key.partition(":")[0]
            choices = [re.sub(r" *[(:].*", "", one).strip() for one in comment.split("|")]
            for choice in choices:
                cfg = compose_train(f"model={model}", f"model.{name}={choice}", "task=repeat_copy")
                assert OmegaConf.create(cfg).model[name] == choice
                build.build_network(cfg, build.build_task(cfg))
