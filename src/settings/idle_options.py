"""Options of a model that have no effect with its other options."""

import inspect
import logging
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)
COUNTING = ("counters", "number_input", "counter_feedback", "counter_candidate")
#: By option and its value.
IDLE: dict[tuple[str, object], tuple[str, ...]] = {
    ("controller", "lstm"): COUNTING,
    ("controller", "gru"): COUNTING,
    ("controller", "feedforward"): COUNTING,
    ("counters", 0): ("counter_feedback", "counter_candidate"),
    **{("positions", kind): ("max_positions",) for kind in ("rotary", "alibi", "none")},
    ("motion", "relative"): ("jump_range", "jump_bias", "step_bias", "bookmark_bias"),
    ("motion", "hybrid"): ("delta_init", "bookmark_bias"),
    ("motion", "anchored"): ("jump_range", "step_bias"),
}


def idle(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The options of a model without effect, each with the option and value that make it so, as text.

    Args:
        model: the section `model` of a configuration.
    """
    return [
        (key, f"model.{option}={value}")
        for (option, value), keys in IDLE.items()
        if model.get(option) == value
        for key in keys
        if key in model
    ]


def warn(model: Mapping[str, Any], network: object) -> None:
    """Log a warning for each option of a model that is not at its default, and has no effect.

    Args:
        model: the section `model` of a configuration.
        network: the network that it describes, which may hold a cell.
    """
    defaults = inspect.signature(type(getattr(network, "cell", network))).parameters
    for key, why in idle(model):
        if key in defaults and model[key] != defaults[key].default:
            log.warning("model.%s=%s has no effect with %s.", key, model[key], why)
