"""A row for each validation."""

import csv

import torch

from src.callbacks.clock import Clock
from src.callbacks.history import History, validation_of


def validate(one, trainer, learner, step, **metrics):
    trainer.global_step = step
    trainer.callbacks[0].sequences = 4 * step
    trainer.callbacks[0].seconds = step / 3
    learner._loss, learner._norm = torch.tensor([0.5 / step, 2.0], dtype=torch.float64)
    trainer.callback_metrics = {"train/loss": torch.tensor(9.0), "loss": torch.tensor(8.0)}
    trainer.callback_metrics |= {f"validation/{name}": torch.tensor(value) for name, value in metrics.items()}
    one.on_validation_end(trainer, learner)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows(tmp_path, trainer, learner):
    trainer.callbacks = [Clock()]
    one = History(str(tmp_path))
    (tmp_path / "history.csv").write_text("left over\n")
    validate(one, trainer, learner, 5, bits=3.0, error_bits=1.5)
    assert len(read(tmp_path / "history.csv")) == 1  # written at once
    validate(one, trainer, learner, 10, bits=2.0, error_bits=0.25)
    validate(one, trainer, learner, 12, bits=1.0, error_bits=0.0)
    rows = read(tmp_path / "history.csv")
    assert list(rows[0]) == [
        "update", "sequences", "seconds", "train_loss", "gradient_norm", "lr", "bits", "error_bits",
    ]  # fmt: skip
    assert [row["update"] for row in rows] == ["5", "10", "12"]
    assert [row["sequences"] for row in rows] == ["20", "40", "48"]
    assert [float(row["seconds"]) for row in rows] == [1.667, 3.333, 4.0]
    assert [float(row["train_loss"]) for row in rows] == [0.1, 0.05, 0.5 / 12]
    assert {row["lr"] for row in rows} == {"0.25"}
    assert [float(row["bits"]) for row in rows] == [3.0, 2.0, 1.0]
    for row, kept in zip(rows, one.rows, strict=True):
        assert {name: float(value) for name, value in row.items()} == kept


def test_a_validation_outside_of_fitting_is_no_row(tmp_path, trainer, learner):
    trainer.callbacks = [Clock()]
    trainer.state.fn = "validate"
    one = History(str(tmp_path))
    validate(one, trainer, learner, 5, bits=3.0)
    assert one.rows == []
    assert not (tmp_path / "history.csv").exists()


def test_validation_of_takes_validation_metrics_alone(trainer):
    trainer.callback_metrics = {
        "validation/bits": torch.tensor(1.5),
        "train/bits": torch.tensor(7.0),
        "bits": torch.tensor(8.0),
    }
    assert validation_of(trainer) == {"bits": 1.5}
