"""Figures and head scalars: the arrays and numbers they show."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from src.callbacks import pictures, trace_figures
from src.callbacks.history import History
from src.callbacks.pictures import (
    Pictures,
    draw,
    draw_history,
    head_scalars,
    save,
    trace,
)
from src.cells.dms_ntm import DMSNTM
from src.cells.lstm import LSTM
from src.cells.ntm import NTM
from src.common.checks import Refusal
from src.lit import objective
from src.lit.bits import Bits
from src.lit.classes import Classes
from src.lit.learner import Learner
from src.memory import addressing
from src.networks.mlp import MLP
from src.networks.recurrent import Recurrent
from src.tasks.base import Example
from src.tasks.repeat_copy import RepeatCopy

pytestmark = pytest.mark.drawn

SIZES = {"memory_slots": 4, "word_size": 3, "controller_size": 5}


@pytest.fixture
def task():
    return RepeatCopy(max_length=2, max_repeats=2, width=2, test_cells=[[3, 2], [5, 1]])


def learner_of(cell, task):
    return Learner(Recurrent(cell, task.output_size), task, Bits(), None, None)


def digits(network):
    """A learner of classes with one example."""
    example = Example("test", "a 3", torch.randn(1, 6, 1), torch.tensor([3]), torch.zeros(1, 6), {})
    task = SimpleNamespace(
        objective="classes", output_size=10, examples=lambda: [example], needed_slots=lambda batch: 1
    )
    return Learner(network, task, Classes(), None, None), example


def test_head_names(task):
    one = learner_of(NTM(4, **SIZES), task)
    assert one.network.head_names == ["read head", "write head"]
    many = learner_of(NTM(4, read_heads=2, write_heads=1, **SIZES), task)
    assert many.network.head_names == ["read head 1", "read head 2", "write head"]
    writers = learner_of(NTM(4, read_heads=1, write_heads=2, **SIZES), task)
    assert writers.network.head_names == ["read head", "write head 1", "write head 2"]


@pytest.mark.parametrize("asked", [None, 9])
def test_trace_has_the_slots_of_an_evaluation_and_changes_nothing(task, asked):
    learner = Learner(Recurrent(NTM(4, **SIZES), 3), task, Bits(), None, None, memory_slots=asked)
    example = task.example(5, 1)
    y, seen = trace(learner, example)
    slots = asked or 7
    assert seen["weighting"].shape == (1, 13, 2, slots)
    with torch.no_grad():
        expected, _ = learner.network(example.x, learner.network.initial_state(1, slots))
    torch.testing.assert_close(y, expected)
    assert learner.network.training
    assert not y.requires_grad


def test_scalars_of_a_head_that_carries_a_weighting(task):
    """Its position is the angle of the last weighting on the ring; width and sigma are means over the steps."""
    torch.manual_seed(3)
    learner = learner_of(DMSNTM(4, read_heads=2, **SIZES), task)
    example = task.example(2, 2)
    seen = trace(learner, example)[1]
    scalars = head_scalars(learner, example)
    names = learner.network.head_names
    assert scalars.keys() == {f"heads/{name}/{kind}" for name in names for kind in ("position", "width", "sigma")}
    for h, name in enumerate(names):
        w = seen["weighting"][0, -1, h].tolist()
        x = sum(weight * math.cos(2 * math.pi * n / 4) for n, weight in enumerate(w))
        y = sum(weight * math.sin(2 * math.pi * n / 4) for n, weight in enumerate(w))
        place = math.atan2(y, x) * 4 / (2 * math.pi) % 4
        assert scalars[f"heads/{name}/position"] == pytest.approx(place, abs=1e-4)
        widths = addressing.circular_deviation(seen["weighting"])[0, :, h].tolist()
        sigmas = seen["sigma"][0, :, h, 0].tolist()
        assert len(widths) == len(sigmas) == 9
        assert scalars[f"heads/{name}/width"] == pytest.approx(sum(widths) / 9)
        assert scalars[f"heads/{name}/sigma"] == pytest.approx(sum(sigmas) / 9)


def test_scalars_of_a_head_that_is_a_position(task):
    learner = learner_of(
        DMSNTM(4, carry="position", motion="relative", delta_init=5.0, num_scales=2, **SIZES), task
    )
    with torch.no_grad():
        learner.network.cell.heads.weight.zero_()
    scalars = head_scalars(learner, task.example(2, 2))
    assert len(scalars) == 8
    for head in ("read head", "write head"):
        assert scalars[f"heads/{head}/position"] == pytest.approx(1.0)  # nine steps of 5, round the ring of 4
        widths = scalars[f"heads/{head}/sigma_1"], scalars[f"heads/{head}/sigma_2"]
        assert widths == pytest.approx((0.5, 1.0), rel=1e-4)


def test_scalars_without_widths_or_without_heads(task):
    example = task.example(2, 2)
    ntm = head_scalars(learner_of(NTM(4, **SIZES), task), example)
    assert set(ntm) == {
        f"heads/{head}/{kind}" for head in ("read head", "write head") for kind in ("position", "width")
    }
    assert head_scalars(learner_of(LSTM(4, 5), task), example) == {}
    assert head_scalars(*digits(MLP(6, 1, 10, [4]))) == {}


def test_draw_repeat_copy(task, monkeypatch):
    panels, heads = [], []
    target_output, head_weights = objective.target_output, pictures.head_weights
    monkeypatch.setattr(objective, "target_output", lambda *a: panels.extend(a[0]) or target_output(*a))
    monkeypatch.setattr(pictures, "head_weights", lambda *a: heads.append(a) or head_weights(*a))
    learner = learner_of(DMSNTM(4, **SIZES), task)
    examples = task.examples()
    figures = draw(learner, examples, "viridis")
    assert list(figures) == ["target_output", "memory", "head_weights", "head_weights_3x2", "head_weights_5x1"]
    assert all(isinstance(figure, Figure) for figure in figures.values())
    for panel, arguments, example in zip(panels, heads, examples, strict=True):
        y, seen = trace(learner, example)
        assert panel.title == example.title
        asked = example.mask[0] > 0
        assert np.array_equal(panel.targets, example.y[0][asked])
        assert panel.outputs == pytest.approx(y[0][asked].sigmoid().numpy())
        assert np.array_equal(arguments[0], seen["weighting"][0].numpy())
        assert arguments[1:] == (["read head", "write head"], "viridis", example.marks)


def test_draw_without_heads_and_classes(task):
    assert list(draw(learner_of(LSTM(4, 5), task), task.examples(), "jet")) == ["target_output"]
    learner, example = digits(MLP(6, 1, 10, [4]))
    assert list(draw(learner, [example], "jet")) == ["reading"]
    learner, example = digits(Recurrent(NTM(1, **SIZES), 10))
    assert list(draw(learner, [example], "jet")) == ["reading", "memory", "head_weights"]


def test_scalars_at_every_validation_and_figures_at_every_nth(task, tmp_path, trainer, monkeypatch):
    learner = learner_of(DMSNTM(4, **SIZES), task)
    logger = TensorBoardLogger(tmp_path, name="", version="")
    points, drawn = [], []
    monkeypatch.setattr(logger, "log_metrics", lambda metrics, step: points.append((step, set(metrics))))
    monkeypatch.setattr(logger.experiment, "add_figure", lambda name, figure, step: drawn.append((step, name)))
    trainer.loggers, one = [logger], Pictures(str(tmp_path), every=3)
    for step in range(10, 60, 10):
        trainer.global_step = step
        one.on_validation_end(trainer, learner)
    trainer.state.fn = "validate"
    one.on_validation_end(trainer, learner)
    logger.experiment.close()
    assert points == [(step, set(head_scalars(learner, task.examples()[0]))) for step in range(10, 60, 10)]
    assert drawn == [(step, name) for step in (10, 40) for name in ("target_output", "memory")]


def test_at_the_end_learning_curves_as_a_file(task, tmp_path, trainer):
    history = History(str(tmp_path))
    trainer.callbacks, one = [history], Pictures(str(tmp_path))
    task.setup()
    learner = learner_of(LSTM(4, 5), task)
    one.on_fit_end(trainer, learner)
    assert not (tmp_path / "figures").exists()  # nothing was validated, so there is nothing to draw
    row = {"update": 1, "sequences": 4, "seconds": 0.1, "train_loss": 0.7, "gradient_norm": 1.0, "lr": 0.1}
    history.rows = [{**row, "sequences": 4 * n, "bits": 9.0 / n, "exact": 0.1 * n} for n in (1, 2)]
    one.on_fit_end(trainer, learner)
    assert (tmp_path / "figures" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_learning_curves_are_over_sequences(monkeypatch):
    given = []
    monkeypatch.setattr(pictures, "learning_curves", lambda *arguments: given.extend(arguments))
    common = {"update": 1, "seconds": 0.1, "gradient_norm": 1.0, "lr": 0.1}
    common |= {"train_loss": 0.5, "loss": 0.7, "lost": 0.0}  # `lost` is a detail
    rows = [{**common, "sequences": 4 * n, "error_bits": 2.0 * n} for n in (1, 2)]
    draw_history(rows, {"guessing": {"loss": 0.25, "bits": 3.0}, "best possible": {}})
    x, curves, label, log, lines = given
    assert (x.tolist(), label) == ([4, 8], "sequences")
    assert {name: values.tolist() for name, values in curves.items()} == {
        "training loss": [0.5, 0.5], "validation loss": [0.7, 0.7], "error bits": [2.0, 4.0],
    }  # fmt: skip
    assert set(log) == set(curves)
    assert lines == {"guessing": {"validation loss": 0.25}, "best possible": {}}


def test_save_and_refusals(tmp_path):
    save({"a": Figure(), "b": Figure()}, tmp_path)
    save({"b": Figure()}, tmp_path)
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["a.png", "b.png"]
    with pytest.raises(Refusal, match="every=0: must be an integer of at least 1"):
        Pictures(str(tmp_path), every=0)


def broken(*arguments, **others):
    raise RuntimeError("no LaTeX\nin ten lines")


def messages(caplog):
    return [record.getMessage() for record in caplog.records]


def test_while_training_a_picture_that_cannot_be_shown_is_a_warning(task, tmp_path, trainer, monkeypatch, caplog):
    """One cannot be drawn, the other is drawn but the logger fails."""
    learner = learner_of(DMSNTM(4, **SIZES), task)
    logger = TensorBoardLogger(tmp_path, name="", version="")
    trainer.loggers = [logger]
    monkeypatch.setattr(logger.experiment, "add_figure", broken)
    monkeypatch.setattr(trace_figures, "memory", broken)
    Pictures(str(tmp_path)).on_validation_end(trainer, learner)
    logger.experiment.close()
    assert messages(caplog) == [
        "The figure memory cannot be drawn: RuntimeError: no LaTeX",
        "The figure target_output cannot be drawn: RuntimeError: no LaTeX",
    ]
    assert learner.network.training


def test_learning_curves_have_the_baselines_of_the_task_on_validation(
    task, tmp_path, trainer, monkeypatch, caplog
):
    given, known = [], {"optimum": {"bits": 3.0}, "chance": {"bits": 8.0}}
    task.setup()
    history = History(str(tmp_path))
    trainer.callbacks, history.rows = [history], [{"sequences": 4, "bits": 9.0}]
    monkeypatch.setattr(pictures, "draw_history", lambda rows, lines: given.append(lines) or Figure())
    monkeypatch.setattr(task, "baselines", lambda batches: known if batches is task.validation else {})
    Pictures(str(tmp_path)).on_fit_end(trainer, learner_of(LSTM(4, 5), task))
    monkeypatch.setattr(task, "baselines", broken)
    Pictures(str(tmp_path)).on_fit_end(trainer, learner_of(LSTM(4, 5), task))
    guessed = {"payload_error": 0.5}  # of any task with bits
    assert given == [
        {"guessing": {"bits": 8.0, **guessed}, "best possible": {"bits": 3.0}},
        {"guessing": guessed, "best possible": {}},
    ]
    assert messages(caplog) == ["The baselines of RepeatCopy are left out: RuntimeError: no LaTeX"]


def test_learning_curves_that_cannot_be_drawn_are_a_warning(task, tmp_path, trainer, monkeypatch, caplog):
    task.setup()
    history = History(str(tmp_path))
    trainer.callbacks, history.rows = [history], [{"sequences": 4, "bits": 9.0}]
    monkeypatch.setattr(pictures, "learning_curves", broken)
    Pictures(str(tmp_path)).on_fit_end(trainer, learner_of(LSTM(4, 5), task))
    assert messages(caplog) == ["The figure learning_curves cannot be drawn: RuntimeError: no LaTeX"]


def test_a_failed_figure_does_not_prevent_others(task, monkeypatch, caplog):
    monkeypatch.setattr(objective, "target_output", broken)
    learner = learner_of(DMSNTM(4, **SIZES), task)
    figures = draw(learner, task.examples(), "viridis")
    assert list(figures) == ["memory", "head_weights", "head_weights_3x2", "head_weights_5x1"]
    assert messages(caplog) == ["The figure target_output cannot be drawn: RuntimeError: no LaTeX"]


def test_a_network_that_cannot_be_traced_still_trains(task, monkeypatch):
    learner = learner_of(LSTM(4, 5), task)
    monkeypatch.setattr(learner.network, "trace", broken)
    with pytest.raises(RuntimeError, match="LaTeX"):
        trace(learner, task.examples()[0])
    assert learner.network.training


def test_a_file_that_cannot_be_written_is_no_warning(tmp_path):
    """A full disk, or here a folder in the way."""
    (tmp_path / "figures" / "a.png").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        save({"a": Figure(figsize=(1, 1))}, tmp_path)
