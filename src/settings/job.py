"""A job: one run of a command, as a value that can be pickled and run on any machine."""

import copy
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from ..common.paths import program
from .overrides import parsed

# In the help texts of conf/: the command as it is typed in a checkout, or where the package is installed.
OmegaConf.register_new_resolver("program", program, replace=True)


class Job(NamedTuple):
    """One of the runs that a command line asks for."""

    composed: DictConfig  # with Hydra's own node; shared between jobs, so never changed
    overrides: list[str]
    folder: Path
    sweep: Path | None  # the folder of the sweep; None for a single run
    launcher: dict[str, Any]  # the settings of the launcher
    number: int = 0  # within the sweep
    values: tuple[tuple[str, Any], ...] = ()  # values by key, set on top of `composed`
    id: str | None = None  # given by the launcher
    side_by_side: bool = False  # other jobs run at the same time: one thread, no progress bar

    def whole(self) -> DictConfig:
        """The configuration as Hydra composes it, with Hydra's own node, in which the folder is set."""
        cfg = copy.deepcopy(self.composed)
        given, number = (None, None) if self.sweep is None else (parsed(self.overrides), self.number)
        fill_in(cfg, self.values, given, number)
        with writable(cfg):
            cfg.hydra.runtime.output_dir = os.path.abspath(self.folder)
            if self.id is not None:
                cfg.hydra.job.id = self.id
        return cfg

    @property
    def config(self) -> DictConfig:
        """The configuration of the run; ${hydra:...} in it refers to this job."""
        cfg = self.whole()
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            cfg.pop("hydra")
        return cfg


def refer_to(cfg: DictConfig) -> None:
    """Let ${hydra:...} refer to a composed configuration; `HydraConfig.set_config` would copy it."""
    HydraConfig.instance().cfg = cfg  # type: ignore[assignment]


def fill_in(
    cfg: DictConfig, values: Iterable[tuple[str, Any]], given: Iterable[Override] | None, number: int | None
) -> None:
    """Turn a configuration that several jobs share into that of one job.

    Args:
        cfg: the shared configuration; changed in place.
        values: the job's values of plain keys.
        given: all overrides of the job; None if they are those `cfg` was composed with, or do not matter.
        number: of the job within a sweep; None for a single job.
    """
    for key, value in values:
        OmegaConf.update(cfg, key, value, merge=True)
    if given is not None:
        set_overrides(cfg, given)
    if number is not None:
        with writable(cfg):
            cfg.hydra.job.num = number


def set_overrides(cfg: DictConfig, given: Iterable[Override]) -> None:
    """Write the overrides of a job into Hydra's own node, except those of Hydra itself."""
    own = [one for one in given if not one.is_hydra_override()]
    with writable(cfg):
        cfg.hydra.overrides.task = [one.input_line for one in own]
        name = cfg.hydra.job.config.override_dirname
        kept = sorted(str(one.input_line) for one in own if one.key_or_group not in name.exclude_keys)
        cfg.hydra.job.override_dirname = name.item_sep.join(kept).replace("=", name.kv_sep)


@contextmanager
def writable(cfg: DictConfig) -> Iterator[None]:
    """Context in which Hydra's own node, which HydraConfig makes read-only, can be changed."""
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        yield
