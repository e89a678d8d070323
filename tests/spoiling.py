"""A callback that spoils one update in one of several processes; they read of it in the run's configuration."""

import os
import signal

from lightning.pytorch.callbacks import Callback


class Spoil(Callback):
    """Before update `update`, in process `rank`: an input of nan (poison), an exception, or a signal to itself.

    Args:
        rank: of the process.
        update: the first is 1.
        how: "poison", "raise", or a signal by its name.
    """

    def __init__(self, rank, update, how):
        self.rank, self.update, self.how = rank, update, how

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.global_rank, trainer.global_step + 1) != (self.rank, self.update):
            return
        if self.how == "poison":
            batch.x.fill_(float("nan"))
        elif self.how == "raise":
            raise ValueError("spoilt")
        else:
            os.kill(os.getpid(), signal.Signals[self.how])
