"""Weights from another run: what is loaded, and what is refused."""

import pytest
import torch

from src.run import initial_weights, train
from src.settings.errors import ConfigError
from tests.helpers import compose_train, small, train_small

#: One update at a learning rate of almost zero, so that the weights after it are those before it.
STILL = ("optimizer.lr=1e-30", "schedule=constant")
LEARNED = ("model.memory_init=learned",)


def state(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A trained run with a learned memory of 7 slots; it must train, as its checkpoint is what is loaded."""
    folder = tmp_path_factory.mktemp("first") / "run"
    train_small(folder, "model.memory_slots=7", *LEARNED, "optimizer.lr=0.1", model="ntm")
    return folder


@pytest.mark.parametrize("source", ["", "checkpoints/last.ckpt"])
def test_a_run_starts_from_the_weights_of_another(begun, tmp_path, source):
    """On other lengths."""
    folder = tmp_path / "run"
    more = (
        "model.memory_slots=7",
        *LEARNED,
        "task.max_length=5",
        f"init_from={begun / source}",
    )
    train_small(folder, *STILL, *more, "seed=1", model="ntm")
    for name, weight in state(begun, "last" if source else "best").items():
        torch.testing.assert_close(state(folder)[name], weight, rtol=0, atol=1e-6)


def test_a_larger_memory_takes_the_first_rows(begun, tmp_path):
    folder = tmp_path / "run"
    more = ("model.memory_slots=9", *LEARNED, f"init_from={begun}", "seed=1")
    train_small(folder, *STILL, *more, model="ntm")
    before, after = (state(one)["network.cell.initial_memory"] for one in (begun, folder))
    assert len(after) == 9
    torch.testing.assert_close(after[:7], before, rtol=0, atol=1e-6)
    assert after[7:].abs().min() > 0


def test_a_schedule_of_the_widths_starts_anew(tmp_path):
    """It is no weight: a run with one starts from a run without one, and the other way round."""
    scheduled = "model.sigma_schedule={factor:4,share:0.5}"
    train_small(tmp_path / "plain", model="dms_ntm")
    train_small(tmp_path / "wide", *STILL, scheduled, f"init_from={tmp_path / 'plain'}", model="dms_ntm")
    train_small(tmp_path / "narrow", *STILL, f"init_from={tmp_path / 'wide'}", model="dms_ntm")
    assert state(tmp_path / "wide")["network.cell.sigma_factor"].tolist() == [[4.0], [4.0]]
    before, after = state(tmp_path / "plain", "best"), state(tmp_path / "narrow")
    assert before.keys() == after.keys()
    for name, weight in before.items():
        torch.testing.assert_close(after[name], weight, rtol=0, atol=1e-6)


def test_the_setting_is_kept_and_only_when_given(begun, tmp_path):
    train_small(tmp_path / "a", f"init_from={begun}", "model.memory_slots=7", *LEARNED, model="ntm")
    assert f"init_from: {begun}\n" in (tmp_path / "a" / "config.yaml").read_text()
    assert "init_from" not in (begun / "config.yaml").read_text()


def test_a_resumed_run_needs_them_no_more(begun, tmp_path):
    other = tmp_path / "other"
    more = ("model.memory_slots=7", *LEARNED, f"init_from={other}")
    (other / "checkpoints").mkdir(parents=True)
    (other / "checkpoints" / "best.ckpt").write_bytes((begun / "checkpoints" / "best.ckpt").read_bytes())
    train_small(tmp_path / "run", *more, model="ntm")
    (other / "checkpoints" / "best.ckpt").unlink()
    metrics = train.resume(tmp_path / "run", {"trainer.max_steps": 2}).metrics
    assert (metrics["status"], metrics["updates"]) == ("finished", 2)


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (["init_from=nowhere"], "init_from='nowhere': does not exist; the run must have saved one"),
        (["init_from=5"], "init_from=5: must be a run folder or a checkpoint"),
        (["init_from=''"], "init_from='': must be a run folder or a checkpoint"),
        (
            ["init_from={run}"],
            "initial_memory is [7, 5] there and [5, 5] here; must be a run with the same sizes, or",
        ),
        (["init_from={run}", "task.width=3"], ": cell.controller.weight_ih is ["),
        (["init_from={run}", "model=lstm"], ": lacks cell.layers.bias_hh_l0, cell.layers.bias_ih_l0, "),
    ],
)
def test_what_cannot_be_loaded_is_refused_before_anything_is_written(begun, tmp_path, overrides, text):
    model = "lstm" if "model=lstm" in overrides else "ntm"
    slots = [] if model == "lstm" else [f"model.memory_slots={7 if 'task.width=3' in overrides else 5}", *LEARNED]
    given = [one.format(run=begun) for one in overrides if one != "model=lstm"]
    with pytest.raises(ConfigError) as refusal:
        train.train(compose_train(*small(*slots, *given, model=model)), tmp_path / "run")
    assert text in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_a_folder_without_a_checkpoint(tmp_path):
    with pytest.raises(ConfigError, match=r"^init_from='.*': does not exist; the run must have saved one$"):
        initial_weights.load(torch.nn.Linear(1, 1), str(tmp_path))
