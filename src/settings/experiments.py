"""Experiment files: settings in conf/experiment, which src.train reads with experiment=<name>."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from ..common.files import utf8, write_whole
from ..common.paths import CONF
from . import cli


def experiment_file(conf: Path, name: str) -> Path:
    """The path of an experiment file."""
    return conf / "experiment" / f"{name}.yaml"


def search_path(conf: Path) -> list[str]:
    """The override by which Hydra finds experiments that are not in conf/."""
    return [] if conf == Path(CONF) else [f"hydra.searchpath=[{cli.quoted(f'file://{conf}')}]"]


def experiment(overrides: Sequence[str], about: Sequence[str]) -> str:
    """The content of an experiment file, from overrides of src.train.

    Args:
        overrides: choices of groups and values of keys, no sweeps; an experiment among them is the base.
        about: lines of the comment at the top of the file.
    """
    base, groups, settings = [], [], OmegaConf.create()
    for one in cli.parsed(list(overrides)):
        if one.key_or_group == "experiment":
            base.append(f"  - /experiment/{one.value()}")
        elif (Path(CONF) / one.key_or_group).is_dir():
            groups.append(f"  - override /{one.key_or_group}: {one.value()}")
        else:
            OmegaConf.update(settings, one.key_or_group, one.value())
    lines = ["# @package _global_", *(f"# {line}" for line in about)]
    if base or groups:
        lines += ["defaults:", *base, *groups, *(["  - _self_"] if base else [])]
    return "\n".join(lines) + "\n" + ("\n" + OmegaConf.to_yaml(settings) if settings else "")


def write(path: Path, content: str) -> bool:
    """Write an experiment file; returns whether the content changed."""
    if path.exists() and path.read_bytes() == utf8(content):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    return True
