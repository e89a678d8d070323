"""How far what is learned reaches beyond training, while training."""

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.fabric.utilities.apply_func import move_data_to_device
from lightning.pytorch.callbacks import Callback

from src.common import checks
from src.lit.learner import Learner


class Generalisation(Callback):
    """Logs `generalisation/<probe>/<metric>` after every `every`-th validation; nothing is ever chosen by it.

    The probes are sets of the task's own, no tests: those are touched once, at the end. They are measured when
    the validation is over and its metrics are out, for they are counted by the same means.

    Args:
        every: validations between two measurements.
    """

    def __init__(self, every: int = 4) -> None:
        self.every = checks.integer("every", every)
        self.validations = 0
        self.probes: dict[str, Sequence[Any]] | None = None

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn != "fit" or not isinstance(pl_module, Learner):
            return
        self.validations += 1
        if trainer.logger is None or (self.validations - 1) % self.every:
            return
        if self.probes is None:
            self.probes = move_data_to_device(pl_module.task.probes(), pl_module.device)
        for probe, batches in self.probes.items():
            measured = pl_module.measure(batches)
            scalars = {
                f"generalisation/{probe}/{metric}": measured[metric] for metric in pl_module.objective.reach
            }
            trainer.logger.log_metrics(scalars, step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.validations = state_dict["validations"]
