"""Learning-rate schedule: linear warmup, cosine decay."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..common import checks


def warmup_cosine(optimizer: Optimizer, updates: int, warmup: float, final: float) -> LambdaLR:
    """Linear warmup to the full learning rate, then cosine decay.

    Args:
        optimizer: whose learning rates are multiplied.
        updates: number of updates of the run.
        warmup: share of the updates used for warmup, in [0, 1).
        final: factor of the learning rate at the end, in [0, 1]; 1 keeps it constant.
    """
    checks.integer("updates", updates)
    checks.number("warmup", warmup, least=0, below=1)
    checks.number("final", final, least=0, most=1)
    climb = warmup * updates

    def factor(update: int) -> float:
        if update < climb:
            return (update + 1) / (climb + 1)
        done = min(1.0, (update - climb) / (updates - climb))
        return final + (1 - final) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)
