"""Checkpoints of the best validation and of the last update, written atomically."""

import io
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from ..common.files import write_whole

BEST, LAST = "best.ckpt", "last.ckpt"


class Checkpoint(ModelCheckpoint):
    """Saves last.ckpt after every validation, and best.ckpt after one that is better than all before.

    It saves at the very end of a period (the updates between two validations), when Lightning's counters are
    those with which the next period begins, so that a resumed run counts like an uninterrupted one. An
    interrupted period ends without a validation and saves last.ckpt only.

    Args:
        folder: run folder.
        monitor: name of the logged validation metric.
        mode: min or max, the better direction of that metric.
    """

    def __init__(self, folder: str, monitor: str, mode: str) -> None:
        super().__init__(
            dirpath=f"{folder}/checkpoints",
            filename=Path(BEST).stem,
            monitor=monitor,
            mode=mode,
            save_top_k=1,
            save_last=True,
            save_on_train_epoch_end=True,
            auto_insert_metric_name=False,
            enable_version_counter=False,
        )

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.enable_validation:
            super().on_train_epoch_end(trainer, pl_module)
        # Lightning itself saves last.ckpt only when the monitored metric improves.
        if self._last_global_step_saved != trainer.global_step:
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore Lightning's counters so that training resumes with a new period.

        Lightning's own way to resume tries to finish the saved period again: that trains an update too many
        after an interruption, and its counters are then off by one.
        """
        saved = checkpoint.pop("loops")["fit_loop"]
        fit: Any = trainer.fit_loop
        fit.epoch_progress.load_state_dict(saved["epoch_progress"])
        fit.epoch_progress.total.completed = fit.epoch_progress.total.processed
        fit.epoch_progress.current.completed = fit.epoch_progress.current.processed
        epoch_loop = fit.epoch_loop
        epoch_loop.batch_progress.load_state_dict(saved["epoch_loop.batch_progress"])
        epoch_loop.scheduler_progress.load_state_dict(saved["epoch_loop.scheduler_progress"])
        epoch_loop.automatic_optimization.optim_progress.load_state_dict(
            saved["epoch_loop.automatic_optimization.optim_progress"]
        )
        epoch_loop._batches_that_stepped = checkpoint["global_step"]  # the step number that loggers use
        # The loaded checkpoint need not be saved again.
        self._last_global_step_saved, self._last_checkpoint_saved = checkpoint["global_step"], LAST

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the paths and scores of the best checkpoint, also if the run folder was moved."""
        folder = Path(str(self.dirpath))

        def moved(path: str) -> str:
            return str(folder / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        super().load_state_dict(
            state_dict
            | {name: moved(state_dict[name]) for name in paths}
            | {"best_k_models": {moved(path): score for path, score in state_dict["best_k_models"].items()}}
            | {"dirpath": self.dirpath}
        )


class WholeFiles(TorchCheckpointIO):
    """Checkpoint writer that writes a temporary file beside the target, then renames it.

    Lightning uses the system's folder for temporary files; if that is on another disk, a kill during the move can
    leave half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Serialise in memory first: on a full disk torch.save raises a misleading error about the archive.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_whole(path, content.getbuffer())
