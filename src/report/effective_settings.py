"""Settings in effect: the default of each that a run lacks, made before it existed, or that has no effect."""

import inspect
from collections.abc import Collection, Sequence
from copy import deepcopy
from typing import Any

from ..settings import construct, idle_options
from ..settings.errors import ConfigError
from .gather import EndedRun

#: Sections whose keys are the arguments of a class.
SECTIONS = ("task", "model")


def completed(entries: Sequence[EndedRun]) -> list[EndedRun]:
    """The runs, with defaults for settings that they lack and others of the same class have, and for idle options.

    A default reproduces what the class did before it had the setting, but for `counter_feedback` and
    `counter_candidate`, whose defaults have changed. A class that can no longer be imported, and a setting
    without a default, are left as they are.
    """
    configs = [dict(entry.config) for entry in entries]
    for section in SECTIONS:
        groups: dict[str, list[dict[str, Any]]] = {}
        for config in configs:
            groups.setdefault(str(config[section].get("_target_")), []).append(config)
        for group in groups.values():
            named = dict.fromkeys(key for config in group for key in config[section])
            lacking = {key for config in group for key in named if key not in config[section]}
            defaults = _defaults(section, group[0][section], lacking)
            for config in group:
                added = {key: deepcopy(value) for key, value in defaults.items() if key not in config[section]}
                config[section] = config[section] | added
    for config in configs:
        without_effect = [key for key, _ in idle_options.idle(config["model"])]
        config["model"] = config["model"] | deepcopy(_defaults("model", config["model"], without_effect))
    return [entry._replace(config=config) for entry, config in zip(entries, configs, strict=True)]


def _defaults(section: str, node: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """The defaults of some arguments of the class that a section names."""
    if not keys:
        return {}
    try:
        parameters = inspect.signature(construct.locate(section, node)).parameters
    except ConfigError:
        return {}
    known = {key: parameters[key].default for key in keys if key in parameters}
    return {key: value for key, value in known.items() if value is not inspect.Parameter.empty}
