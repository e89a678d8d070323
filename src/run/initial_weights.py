"""Weights that a new run starts from instead of random ones: those of another run (`init_from`)."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..settings.errors import ConfigError
from .folder import RunFolder
from .load import stored_weights

#: The one tensor whose number of rows may be larger than that of the other run.
MEMORY = "initial_memory"
#: Where the schedule of the widths of a DMS-NTM is, which is no weight.
SCHEDULE = "cell.sigma_factor"


def load(network: nn.Module, source: Any) -> None:
    """Load weights into a network; optimiser, counters and generators are not loaded.

    A memory of more slots takes its first rows from the other run, and keeps its own initial rows after them.

    Args:
        network: whose weights are replaced.
        source: a run folder, of which the best checkpoint by validation is taken, or a checkpoint.

    Raises:
        ConfigError: nothing there that can be loaded, or weights of other names or shapes.
    """
    if not isinstance(source, str) or not source:
        raise ConfigError(f"init_from={source!r}: must be a run folder or a checkpoint")
    path, where = Path(source), f"init_from={source!r}"
    stored = stored_weights(RunFolder(path).best if path.is_dir() else path, where)
    own = network.state_dict()
    stored.pop(SCHEDULE, None)
    stored |= {SCHEDULE: own[SCHEDULE]} if SCHEDULE in own else {}  # a schedule starts anew
    for names, fault in ((own.keys() - stored.keys(), "lacks"), (stored.keys() - own.keys(), "also has")):
        if names:
            raise ConfigError(
                f"{where}: {fault} {', '.join(sorted(names)[:3])}; must be a run of the same model, with the same "
                "parts"
            )
    for name, weight in stored.items():
        target = own[name]
        if name.endswith(MEMORY) and len(weight) <= len(target) and weight.shape[1:] == target.shape[1:]:
            stored[name] = torch.cat([weight, target[len(weight) :].to(weight)])
        elif weight.shape != target.shape:
            larger = ", or of fewer slots" if name.endswith(MEMORY) else ""
            raise ConfigError(
                f"{where}: {name} is {list(weight.shape)} there and {list(target.shape)} here; "
                f"must be a run with the same sizes{larger}"
            )
    network.load_state_dict(stored)
