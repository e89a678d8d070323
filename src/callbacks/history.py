"""history.csv: one row for each validation."""

from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from ..common.files import as_csv, write_whole
from ..lit.learner import Learner
from .clock import clock_of


class History(Callback):
    """Appends a row for each validation: counts, training loss, gradient norm, learning rate, validation metrics.

    A checkpoint contains the rows so far; a resumed run starts with them.

    Args:
        folder: run folder.

    Attributes:
        rows: all rows, as dictionaries by column.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / "history.csv"
        self.rows: list[dict[str, Any]] = []

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn != "fit" or not isinstance(pl_module, Learner):
            return
        clock = clock_of(trainer)
        row: dict[str, Any] = {
            "update": trainer.global_step,
            "sequences": clock.sequences,
            "seconds": round(clock.seconds, 3),
            "train_loss": pl_module.last_loss,
            "gradient_norm": pl_module.gradient_norm,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
        }
        row |= validation_of(trainer)
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        with self.path.open("a" if len(self.rows) > 1 else "w", newline="", encoding="utf-8") as file:
            file.write(as_csv([row], header=len(self.rows) == 1))

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Remove rows that a killed run wrote after its last checkpoint."""
        if self.rows and trainer.is_global_zero:
            write_whole(self.path, as_csv(self.rows, header=True))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])


def validation_of(trainer: lightning.Trainer) -> dict[str, float]:
    """The metrics of the last validation by name, without the prefix `validation/`."""
    prefix = "validation/"
    return {
        name.removeprefix(prefix): float(value)
        for name, value in trainer.callback_metrics.items()
        if name.startswith(prefix)
    }
