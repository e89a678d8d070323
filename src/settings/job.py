"""One job of a command: a value that can be sent anywhere, and holds all that is needed to carry it out."""

import copy
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from src.settings.overrides import parsed


class Job(NamedTuple):
    """One of the runs that a command line asks for."""

    composed: DictConfig  # with Hydra's own node; shared by jobs that are alike, and so never changed
    overrides: list[str]
    folder: Path
    sweep: Path | None  # the folder of the sweep it is of
    launcher: dict[str, Any]  # the settings of what is to run it
    number: int = 0  # within the sweep
    values: tuple[tuple[str, Any], ...] = ()  # by key, what it has else than those alike
    id: str | None = None  # what the launcher calls it
    side_by_side: bool = False  # others run beside it: it has one thread, and shows no progress bar

    def whole(self) -> DictConfig:
        """The configuration as Hydra composes it, with its own node, in which the folder is set."""
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
        """The configuration of the run; ${hydra:...} within it stands for what Hydra has of this very job."""
        cfg = self.whole()
        HydraConfig.instance().set_config(cfg)
        with open_dict(cfg):
            cfg.pop("hydra")
        return cfg


def fill_in(
    cfg: DictConfig, values: Iterable[tuple[str, Any]], given: Iterable[Override] | None, number: int | None
) -> None:
    """Make what was composed for jobs that are alike that of one of them.

    Args:
        cfg: changed in place.
        values: of plain keys.
        given: all its overrides; None where they are those it was composed with, or do not matter.
        number: within its sweep; None for a job alone.
    """
    for key, value in values:
        OmegaConf.update(cfg, key, value, merge=True)
    if given is not None:
        set_overrides(cfg, given)
    if number is not None:
        with writable(cfg):
            cfg.hydra.job.num = number


def set_overrides(cfg: DictConfig, given: Iterable[Override]) -> None:
    """Tell Hydra's own node of a job's overrides, but for those of Hydra itself."""
    own = [one for one in given if not one.is_hydra_override()]
    with writable(cfg):
        cfg.hydra.overrides.task = [one.input_line for one in own]
        name = cfg.hydra.job.config.override_dirname
        kept = sorted(str(one.input_line) for one in own if one.key_or_group not in name.exclude_keys)
        cfg.hydra.job.override_dirname = name.item_sep.join(kept).replace("=", name.kv_sep)


@contextmanager
def writable(cfg: DictConfig) -> Iterator[None]:
    """Within, Hydra's own node can be changed, which HydraConfig makes read-only."""
    with read_write(cfg.hydra), open_dict(cfg.hydra):
        yield
