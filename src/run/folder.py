"""The folder of a run: which files it has, who writes to it, and how they are written and read."""

import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from src.callbacks.checkpoint import BEST, LAST
from src.common.files import write_json, write_whole
from src.run import lock
from src.settings import cli
from src.settings.errors import ConfigError

#: Raised when a run folder of today could no longer be read as one of yesterday.
RUN_FORMAT = 1
#: Parts of a configuration that opening a run needs; the last is the last of the file.
SECTIONS = ("model", "task", "optimizer", "schedule", "figure")


class RunFolder:
    """The folder of one run, which need not exist yet.

    Args:
        path: of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.metrics_file = self.path / "metrics.json"
        self.history_file = self.path / "history.csv"
        self.log_file = self.path / "train.log"
        self.best = self.checkpoint(BEST)  # that validation chose
        self.last = self.checkpoint(LAST)  # the newest

    def checkpoint(self, name: str) -> Path:
        """A checkpoint by the name of its file."""
        return self.path / "checkpoints" / name

    def holds_run(self) -> bool:
        """Whether a run was begun in it."""
        return self.config_file.exists()

    def check_new(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            ConfigError: it does.
        """
        if self.holds_run():
            raise ConfigError(
                f"hydra.run.dir={str(self.path)!r}: holds a run already; must be a new folder, "
                f"or {cli.argument('resume', self.path)} to go on with it"
            )

    def held(self) -> AbstractContextManager[None]:
        """The folder to oneself, see `lock.held`."""
        return lock.held(self.path)

    def is_held(self) -> bool:
        """Whether a process is writing to it now."""
        return lock.is_held(self.path)

    def write_config(self, cfg: dict[str, Any], revision: str | None) -> None:
        """Write the resolved configuration, with the format of the run folder and the revision of the code."""
        stamped = {"run_format": RUN_FORMAT, "git_revision": revision, **cfg}
        write_whole(self.config_file, OmegaConf.to_yaml(OmegaConf.create(stamped)))

    def read_config(self, key: str = "run") -> dict[str, Any]:
        """config.yaml, with its stamp; `key` is what the folder was given as.

        Raises:
            ConfigError: no folder, no run in it, a damaged file, or a run of another version.
        """
        allowed = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"
        if key == "resume":
            allowed = "must be the folder of a run or of a sweep, one that holds config.yaml or sweep.json"
        if not os.path.isdir(self.path):  # False, too, for a name that is too long
            raise ConfigError(f"{key}={str(self.path)!r}: no such folder; {allowed}")
        try:
            cfg = OmegaConf.to_container(OmegaConf.load(self.config_file))
        except FileNotFoundError:
            raise ConfigError(f"{key}={str(self.path)!r}: holds no config.yaml; {allowed}") from None
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ConfigError(f"{key}={str(self.path)!r}: config.yaml is damaged ({reason}); {allowed}") from error
        foreign = ConfigError(f"{key}={str(self.path)!r}: config.yaml is not one of src.train; {allowed}")
        if not isinstance(cfg, dict) or "run_format" not in cfg:
            raise foreign
        if cfg["run_format"] != RUN_FORMAT:
            raise ConfigError(
                f"{key}={str(self.path)!r}: was written in format {cfg['run_format']}; must be format "
                f"{RUN_FORMAT}, which this version of the code reads"
            )
        # One that was cut off reads well, but lacks its last sections.
        if "seed" not in cfg or not all(isinstance(cfg.get(section), dict) for section in SECTIONS):
            raise foreign
        return {str(key): value for key, value in cfg.items()}

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json whole or not at all."""
        write_json(self.metrics_file, metrics)

    def read_metrics(self) -> dict[str, Any]:
        """metrics.json; empty where there is none.

        Raises:
            ConfigError: a damaged file.
        """
        try:
            metrics = json.loads(self.metrics_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise ConfigError(f"run={str(self.path)!r}: metrics.json is damaged ({error})") from error
        if not isinstance(metrics, dict):
            raise ConfigError(f"run={str(self.path)!r}: metrics.json is damaged (it holds no metrics)")
        return metrics
