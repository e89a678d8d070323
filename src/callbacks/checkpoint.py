"""Checkpoints: the best on validation and the newest, each whole or not there at all."""

import io
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from src.common.files import write_whole

BEST, LAST = "best.ckpt", "last.ckpt"


class Checkpoint(ModelCheckpoint):
    """Saves last.ckpt after every validation, and best.ckpt after one that is better than all before.

    It saves at the very end of a period, when Lightning's counters are those with which the next begins,
    so that a run which goes on from a checkpoint counts as one that never stopped. A period that the user cut
    short ends without a validation, and with last.ckpt alone.

    Args:
        folder: of the run.
        monitor: what is logged of a validation and judged.
        mode: min or max, which of it is better.
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
        # Lightning's own last checkpoint is that of the last improvement.
        if self._last_global_step_saved != trainer.global_step:
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Begin a new period after the one that the checkpoint was saved at the end of.

        Lightning is given the counts alone. Its own way of going on tries to finish the period once more,
        which trains an update too many where that was cut short, and puts its counts out by one.
        """
        saved = checkpoint.pop("loops")["fit_loop"]
        fit: Any = trainer.fit_loop
        fit.epoch_progress.load_state_dict(saved["epoch_progress"])
        fit.epoch_progress.total.completed = fit.epoch_progress.total.processed
        fit.epoch_progress.current.completed = fit.epoch_progress.current.processed
        updates = fit.epoch_loop
        updates.batch_progress.load_state_dict(saved["epoch_loop.batch_progress"])
        updates.scheduler_progress.load_state_dict(saved["epoch_loop.scheduler_progress"])
        updates.automatic_optimization.optim_progress.load_state_dict(
            saved["epoch_loop.automatic_optimization.optim_progress"]
        )
        updates._batches_that_stepped = checkpoint["global_step"]  # what loggers count updates by
        # What is there need not be saved again.
        self._last_global_step_saved, self._last_checkpoint_saved = checkpoint["global_step"], LAST

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What was best so far, also where the run folder has been moved since."""
        here = Path(str(self.dirpath))

        def moved(path: str) -> str:
            return str(here / Path(path).name) if path else path

        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        super().load_state_dict(
            state_dict
            | {name: moved(state_dict[name]) for name in paths}
            | {"best_k_models": {moved(path): score for path, score in state_dict["best_k_models"].items()}}
            | {"dirpath": self.dirpath}
        )


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside its place, then moves it there.

    Lightning's own way goes through the folder for temporary files, and where that is on another disk a
    kill can leave half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # By way of the memory: of a full disk torch itself says that something is wrong with the archive.
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_whole(path, content.getbuffer())
