"""Options of a machine or a DNC that have no effect with its other options."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

from ..cells.base import Cell
from ..cells.dnc import DNC
from ..cells.machine import Machine

log = logging.getLogger(__name__)
COUNTING = ("counters", "number_input")
#: By option and its value.
IDLE = {
    ("controller", "lstm"): COUNTING,
    ("controller", "gru"): COUNTING,
    ("controller", "feedforward"): COUNTING,
    ("motion", "relative"): ("jump_range", "jump_bias", "step_bias", "bookmark_bias"),
    ("motion", "hybrid"): ("delta_init", "bookmark_bias"),
    ("motion", "anchored"): ("jump_range", "step_bias"),
}


def warn(model: Mapping[str, Any], cell: Cell) -> None:
    """Log a warning for each option of a machine or a DNC that is not at its default, and has no effect.

    Args:
        model: the section `model` of a configuration.
        cell: what it describes.
    """
    if not isinstance(cell, Machine | DNC):
        return
    defaults = inspect.signature(type(cell)).parameters
    for (option, value), keys in IDLE.items():
        for key in keys if model.get(option) == value else ():
            if key in model and model[key] != defaults[key].default:
                log.warning("model.%s=%s has no effect with model.%s=%s.", key, model[key], option, value)
