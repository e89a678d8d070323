"""Composed configurations are kept: the tests compose the same command lines again and again, for 0.2 s each."""

import copy
import os
from pathlib import Path

import hydra

from src.common.paths import CONF
from src.settings import jobs, unknown

#: Overrides whose composition depends on more than conf/: other folders, or files that tests write.
OTHERS = ("hydra.searchpath", "experiment", "+experiment", "hydra/")

_kept = {}


def compose(config_name=None, overrides=None, return_hydra_config=False, **others):
    """As hydra.compose; errors are raised anew each time."""
    given = tuple(overrides or ())
    if others or any(one.lstrip("+~").startswith(OTHERS) for one in given):
        return hydra.compose(config_name, overrides, return_hydra_config, **others)
    key = config_name, given, return_hydra_config, os.getcwd(), _state_of_conf()
    if key not in _kept:
        _kept[key] = hydra.compose(config_name, overrides, return_hydra_config)
    return copy.deepcopy(_kept[key])


def _state_of_conf():
    """Names and times of the files of conf/."""
    return tuple((str(path), path.stat().st_mtime_ns) for path in sorted(Path(CONF).rglob("*.yaml")))


def keep():
    """Keep what is composed from now on, in this process."""
    jobs.compose = unknown.compose = compose
