"""Summaries for the HPARAMS tab."""

import pytest
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from src.callbacks.hparams import COMMON, final, hyperparameters, session_end, session_start
from src.tasks.mnist1d import MNIST1D
from src.tasks.repeat_copy import RepeatCopy
from tests.helpers import AT_ONCE, compose_train


def content(summary):
    (value,) = summary.value
    assert value.metadata.plugin_data.plugin_name == "hparams"
    return value.tag, HParamsPluginData.FromString(value.metadata.plugin_data.content)


def test_settings_keep_their_types_and_null_is_left_out():
    settings = hyperparameters(compose_train("model=dms_ntm", "seed=3", "task.ragged=true"))
    expected = {"model": "dms_ntm", "task": "repeat_copy", "seed": 3, "lr": 1.5e-3, "batch_size": 4}
    expected |= {
        "max_steps": 20000,
        "gradient_clip": 0.1,
        "model.memory_slots": 256,
        "model.sigma_init": 0.5,
    }
    expected |= {"task.ragged": True, "model.content_addressing": True, "task.max_length": 10}
    expected |= {"optimizer.betas": "[0.9, 0.999]", "schedule.final": 0.01, "model.carry": "weighting"}
    assert {key: settings[key] for key in expected} == expected
    assert all(type(settings[key]) is type(value) for key, value in expected.items())
    hidden = ("_target_", "recipe", "jump_range", "engine", "updates", "cache", "test_cells", "test_size")
    assert not [key for key in settings if key.split(".")[-1] in hidden]
    assert hyperparameters(compose_train("trainer.gradient_clip_val=null"))["gradient_clip"] == 0.0
    assert not {"optimizer.lr", "task.batch_size", "model.name"} & set(settings)


@pytest.mark.parametrize("model", [*AT_ONCE, "lstm", "gru", "ntm", "dms_ntm"])
@pytest.mark.parametrize("task", ["mnist1d", "repeat_copy"])
def test_common_settings_exist_for_every_model_and_sort_first(model, task):
    settings = hyperparameters(compose_train(f"model={model}", f"task={task}"))
    assert set(COMMON) | {"seed"} <= set(settings)
    # If only the model differs, TensorBoard shows four more settings, the first ones by name.
    assert sorted(set(settings) - {"model"})[:4] == ["batch_size", "gradient_clip", "lr", "max_steps"]


def test_session_start_has_values_of_their_own_type():
    settings = {"model": "ntm", "lr": 3e-3, "seed": 0, "flag": True, "off": False}
    tag, data = content(session_start(settings))
    assert tag == "_hparams_/session_start_info"
    hparams = data.session_start_info.hparams
    kinds = {key: value.WhichOneof("kind") for key, value in hparams.items()}
    assert kinds == {
        "model": "string_value", "lr": "number_value", "seed": "number_value", "flag": "bool_value",
        "off": "bool_value",
    }  # fmt: skip
    assert {key: getattr(hparams[key], kind) for key, kind in kinds.items()} == settings
    assert data.session_start_info.group_name == ""  # every run by itself, under its own name


@pytest.mark.parametrize(("status", "number"), [("finished", 1), ("diverged", 2), ("failed", 2), ("stopped", 0)])
def test_session_end_has_the_status(status, number):
    tag, data = content(session_end(status))
    assert (tag, data.session_end_info.status) == ("_hparams_/session_end_info", number)


def test_final_numbers_of_bits():
    test = {
        "in_distribution": {"error_bits": 0.5, "payload_error": 0.01},
        "10x20": {"error_bits": 100.0, "payload_error": 0.2},
        "40x5": {"error_bits": 200.0, "payload_error": 0.3},
    }
    metrics = {"test": test, "validation": {"error_bits": 0.25}, "seconds": 7.5, "sequences_to_solve": 64}
    assert final(metrics, "error_bits", "payload_error", RepeatCopy()) == {
        "final/error bits": 0.5, "final/error 10x20": 0.2, "final/error 40x5": 0.3,
        "final/validation error bits": 0.25, "final/seconds": 7.5, "final/sequences to solve": 64.0,
    }  # fmt: skip


def test_final_numbers_of_classes_and_of_a_run_without_tests():
    test = {"accuracy": 0.9, "loss": 0.1, "memory_slots": 128, "generated": {"accuracy": 0.8, "loss": 0.2}}
    metrics = {"test": test, "validation": {"accuracy": 0.95}, "seconds": 7.5, "sequences_to_solve": None}
    alone = {"final/validation accuracy": 0.95, "final/seconds": 7.5}
    expected = {"final/accuracy": 0.9, "final/accuracy generated": 0.8, **alone}
    assert final(metrics, "accuracy", "accuracy", MNIST1D()) == expected
    assert final({**metrics, "test": {}}, "accuracy", "accuracy", MNIST1D()) == alone
    assert final({**metrics, "test": {}, "validation": {}}, "accuracy", "accuracy", MNIST1D()) == {
        "final/seconds": 7.5
    }
