"""Composed configurations are kept: the tests compose the same command lines again and again, for 0.2 s each.

So is the content of YAML files, of which Hydra parses about twenty for each composition.
"""

import copy
import os
from types import ModuleType

import hydra
import omegaconf.omegaconf
import yaml

from src.common.paths import CONF
from src.settings import jobs, unknown

#: Overrides whose composition depends on more than conf/: other folders, or files that tests write.
OTHERS = ("hydra.searchpath", "experiment", "+experiment", "hydra/")

_kept = {}
_parsed = {}


def compose(config_name=None, overrides=None, return_hydra_config=False, **others):
    """As hydra.compose, for files of conf/ that do not change; errors are raised anew each time."""
    given = tuple(overrides or ())
    if others or any(one.lstrip("+~").startswith(OTHERS) for one in given):
        return hydra.compose(config_name, overrides, return_hydra_config, **others)
    key = config_name, given, return_hydra_config, os.getcwd()
    if key not in _kept:
        _kept[key] = hydra.compose(config_name, overrides, return_hydra_config)
    return copy.deepcopy(_kept[key])


class KeptYaml(ModuleType):
    """The module yaml, but that a text is parsed once."""

    def __getattr__(self, name):
        return getattr(yaml, name)

    def load(self, stream, Loader):
        text = stream if isinstance(stream, str) else stream.read()
        if text not in _parsed:
            _parsed[text] = yaml.load(text, Loader)
        return copy.deepcopy(_parsed[text])


def keep():
    """Keep what is composed and parsed from now on, in this process."""
    jobs.compose = unknown.compose = compose
    omegaconf.omegaconf.yaml = KeptYaml("yaml")


def warm():
    """Do what Hydra does once in a process: find plugins, parse the files of conf/, build tables of its parser."""
    omegaconf.omegaconf.yaml = KeptYaml("yaml")
    with hydra.initialize_config_dir(CONF, version_base="1.3"):
        for name in ("train", "evaluate", "report", "replay", "search", "study"):
            hydra.compose(name, ["hydra.verbose=false"], return_hydra_config=True)
