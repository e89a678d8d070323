"""A callback that spoils one update in one of several processes, named in the configuration of the run."""

import os
import signal

from lightning.pytorch.callbacks import Callback


class Spoil(Callback):
    """Spoils update `update` of process `rank`: an input of nan, an exception, or a signal to the process itself.

    Args:
        rank: of the process.
        update: counted from 1.
        how: "poison" (an input of nan), "raise", or the name of a signal.
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
