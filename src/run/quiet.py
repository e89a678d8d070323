"""Filter for warnings of Lightning and torch that do not apply to this project."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Context without the warnings of Lightning and torch that do not apply here."""
    with warnings.catch_warnings():
        # Making a batch takes less time than a worker would need to send it.
        warnings.filterwarnings("ignore", ".*does not have many workers.*")
        # The rest of a period of a resumed run may be shorter than the logging interval.
        warnings.filterwarnings("ignore", ".*is smaller than the logging interval.*")
        # A run is resumed from the checkpoints in that folder.
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty.*")
        # It is the run folder; nothing in it is deleted.
        warnings.filterwarnings("ignore", "Experiment logs directory .* exists and is not empty.*")
        # Each process measures the whole of a set.
        warnings.filterwarnings("ignore", ".*sync_dist=True.*")
        # The cost of that is negligible.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides.*")
        # Lightning calls what torch has deprecated.
        warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
        yield
