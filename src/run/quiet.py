"""Warnings of Lightning and torch that tell a user of this project nothing, left out."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of Lightning that tell a user of this project nothing."""
    with warnings.catch_warnings():
        # A batch is made in less time than a worker would take to hand it over.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # A run that is resumed within a period may have less left of it than lies between two points.
        warnings.filterwarnings("ignore", ".*is smaller than the logging interval.*")
        # A run is resumed from the checkpoints in that folder.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
        # The folder is the run's own, with its config.yaml; nothing in it is deleted.
        warnings.filterwarnings("ignore", "Experiment logs directory .* exists and is not empty.*")
        # Of several processes, each measures the whole of a set.
        warnings.filterwarnings("ignore", ".*sync_dist=True.*")
        # They hand gradients on as they are, at a cost too small to tell of.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides.*")
        # Lightning calls what torch has deprecated.
        warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
        yield
