"""TensorBoard events of a run: no chart is empty, and the run is in HPARAMS."""

import re

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from src.callbacks import pictures
from src.callbacks.dashboard import layout
from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from src.lit.learner import Learner
from src.run import final_evaluation
from src.tasks.repeat_copy import RepeatCopy
from tests.callbacks.conftest import learner_of
from tests.helpers import train_small

TRAINING = [
    "loss: training and validation",
    "error bits: validation",
    "learning rate",
    "norm of the gradient, before clipping",
    "speed: sequences a second",
]
GENERALISATION = [
    "payload error: training and validation",
    "payload error: 3x4",
    "end exact: validation",
    "end exact: 3x4",
]
ADDRESSING = [
    f"{kind} heads: {what}"
    for what in ("position (slot)", "width and sigma (slots)")
    for kind in ("write", "read")
]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Skip figures, which take most of the time of a small run."""
    monkeypatch.setattr(final_evaluation, "draw", lambda *arguments: {})
    monkeypatch.setitem(final_evaluation.DRAWINGS, "addressing_examples", Figure)
    monkeypatch.setattr(pictures, "draw_first", lambda *arguments: {})


def charts(folder):
    """Category -> title -> the scalar tags of the run that the chart shows, from its event files."""
    events = EventAccumulator(str(folder)).Reload()
    (written,) = events.Tensors("custom_scalars__config__")
    read = Layout.FromString(written.tensor_proto.string_val[0])
    tags = events.Tags()["scalars"]
    return {
        category.title: {
            chart.title: [tag for tag in tags for one in chart.multiline.tag if re.match(one, tag)]
            for chart in category.chart
        }
        for category in read.category
    }


def test_the_charts_of_a_machine(tmp_path):
    train_small(tmp_path / "run", "logger=tensorboard", "model.read_heads=2", model="dms_ntm")
    found = charts(tmp_path / "run")
    assert {name: list(one) for name, one in found.items()} == {
        "training": TRAINING, "generalisation": GENERALISATION, "addressing": ADDRESSING,
    }  # fmt: skip
    assert found["training"][TRAINING[0]] == ["train/loss", "validation/loss"]
    assert found["training"][TRAINING[1]] == ["validation/error_bits"]
    assert found["training"][TRAINING[4]] == ["speed/sequences_per_second"]
    assert found["generalisation"][GENERALISATION[0]] == ["train/payload_error", "validation/payload_error"]
    assert found["generalisation"]["end exact: 3x4"] == ["generalisation/3x4/end_exact"]
    assert found["addressing"]["write heads: position (slot)"] == ["heads/write head/position"]
    assert set(found["addressing"]["read heads: width and sigma (slots)"]) == {
        f"heads/read head {n}/{what}" for n in (1, 2) for what in ("width", "sigma")
    }
    assert all(tags for one in found.values() for tags in one.values())


@pytest.mark.parametrize(
    ("model", "task", "categories"),
    [
        ("lstm", "repeat_copy", ["training", "generalisation"]),
        ("ntm", "repeat_copy", ["training", "generalisation", "addressing"]),
        ("lie_access_ntm", "repeat_copy", ["training", "generalisation", "addressing"]),
        ("tape_rnn", "repeat_copy", ["training", "generalisation"]),
        ("mlp", "mnist1d", ["training", "generalisation"]),
        ("ntm", "mnist1d", ["training", "generalisation", "addressing"]),
    ],
)
def test_no_chart_is_empty(tmp_path, model, task, categories):
    train_small(tmp_path / "run", "logger=tensorboard", model=model, task=task)
    found = charts(tmp_path / "run")
    assert list(found) == categories
    assert all(tags for one in found.values() for tags in one.values())
    if task == "mnist1d":
        assert list(found["generalisation"]) == ["accuracy: training and validation"]
        assert found["generalisation"]["accuracy: training and validation"] == [
            "train/accuracy", "validation/accuracy",
        ]  # fmt: skip


def test_models_with_memory_have_the_same_charts_of_heads():
    """TensorBoard merges equal charts of several runs, and may drop charts that only a later run has."""
    task, sizes = RepeatCopy(width=2), {"memory_slots": 4, "word_size": 3, "controller_size": 5}
    cells = NTM(4, **sizes), NTM(4, read_heads=3, **sizes), DMSNTM(4, num_scales=2, **sizes)
    first, *others = (layout(learner_of(cell, task))["addressing"] for cell in cells)
    assert all(first == other for other in others)


def hparams(folder):
    """The settings and the status of a run, and its final numbers."""
    events = EventAccumulator(str(folder)).Reload()
    found = {tag: HParamsPluginData.FromString(data) for tag, data in events.PluginTagToContent("hparams").items()}
    assert set(found) == {"_hparams_/session_start_info", "_hparams_/session_end_info"}
    last = {tag: events.Scalars(tag) for tag in events.Tags()["scalars"] if tag.startswith("final/")}
    assert all(len(points) == 1 for points in last.values())
    start, end = (found[f"_hparams_/session_{which}_info"] for which in ("start", "end"))
    return start.session_start_info.hparams, end.session_end_info.status, last


def test_a_run_is_in_hparams_with_its_settings_and_its_end(tmp_path):
    steps = ("trainer.max_steps=3", "validate_every=3")
    outcome = train_small(tmp_path / "run", "logger=tensorboard", *steps, model="lstm")
    settings, status, last = hparams(tmp_path / "run")
    assert settings["model"].string_value == "lstm"
    assert settings["lr"].number_value == 1e-3
    assert settings["task.ragged"].WhichOneof("kind") == "bool_value"
    assert status == 1
    assert {point.step for points in last.values() for point in points} == {3}
    test, validation = outcome.metrics["test"], outcome.metrics["validation"]
    assert {tag: points[0].value for tag, points in last.items() if tag != "final/seconds"} == pytest.approx(
        {
            "final/error bits": test["in_distribution"]["error_bits"],
            "final/error 3x4": test["3x4"]["payload_error"],
            "final/validation error bits": validation["error_bits"],
        }
    )
    assert not {"hp_metric", "epoch"} & set(EventAccumulator(str(tmp_path / "run")).Reload().Tags()["scalars"])


def test_a_diverged_run_is_in_hparams_as_a_failure(tmp_path, monkeypatch):
    loss, calls = Learner.loss_and_metrics, []

    def spoiled(self, batch, wanted=True):
        calls.append(batch)
        value, metrics = loss(self, batch, wanted)
        return value * float("nan" if len(calls) == 2 else 1), metrics

    monkeypatch.setattr(Learner, "loss_and_metrics", spoiled)
    train_small(tmp_path / "run", "logger=tensorboard", "trainer.max_steps=3", model="lstm")
    settings, status, last = hparams(tmp_path / "run")
    assert (settings["model"].string_value, status) == ("lstm", 2)
    assert set(last) == {"final/validation error bits", "final/seconds"}


def test_scalars_are_logged_at_their_updates(tmp_path):
    steps = ("trainer.max_steps=5", "validate_every=2", "trainer.log_every_n_steps=2")
    train_small(tmp_path / "run", "logger=tensorboard", *steps, "callbacks.generalisation.every=2")
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    for tags, at in (
        (("train/loss", "optimizer/lr", "optimizer/gradient_norm"), [1, 2, 4]),
        (("validation/loss", "heads/read head/width", "speed/sequences_per_second"), [2, 4, 5]),
        (("generalisation/3x4/end_exact",), [2, 5]),
        (("test/3x4/bits", "final/error bits"), [5]),
    ):
        for tag in tags:
            assert [point.step for point in events.Scalars(tag)] == at, tag
