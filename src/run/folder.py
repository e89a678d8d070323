"""Run folder: the files of a run, written and read, and the lock for the process that writes."""

import csv
import io
import json
import math
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ..callbacks.checkpoint import BEST, LAST
from ..common.files import write_json, write_whole
from ..common.paths import command
from ..settings import cli
from ..settings.errors import ConfigError
from . import lock, provenance

#: Version of the format of run folders; an incompatible change increases it.
RUN_FORMAT = 1
#: Keys of config.yaml that are not settings.
STAMP = ("run_format", "git_revision", "revisions")
#: Sections that loading a run needs; the last one is also the last in the file.
SECTIONS = ("model", "task", "optimizer", "schedule", "figure")


class UnreadableError(ConfigError):
    """A file of a run folder that cannot be read.

    Args:
        where: the key and the folder on the command line, or the file.
        reason: what is wrong.
        advice: what it must be, or None.
    """

    def __init__(self, where: str, reason: str, advice: str | None = None) -> None:
        super().__init__(f"{where}: {reason}" + (f"; {advice}" if advice else ""))
        self.where, self.reason, self.advice = where, reason, advice

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.reason, self.advice)  # another process may have raised it


def results_folder(run: Any, out: Any, kind: str) -> Path:
    """The folder for new results about a run.

    Args:
        run: the run folder; a number if its name is one.
        out: the folder that the user gave; None for none. Then it is the run folder, but for a published run
            `outputs/<kind>/<name of the run>`, as published runs stay as they are.
        kind: of the results, such as evaluations.
    """
    if out is not None:
        return Path(str(out))
    place = Path(str(run)).resolve()
    published = any(above.parts[-2:] == ("outputs", "published") for above in place.parents)
    return Path("outputs") / kind / place.name if published else Path(str(run))


def check_results_folder(folder: Path, out: Any) -> None:
    """Refuse a folder of `results_folder`, by its key: that of a running run, or one that cannot be written."""
    if RunFolder(folder).is_held():
        where = f"{'run' if out is None else 'out'}={str(folder)!r}"
        raise ConfigError(
            f"{where}: is of a run that is running now; must have ended, or give out=<another folder>"
        )
    if out is None:
        cli.check_writable("run", folder, "; or give out=<folder>")
    else:
        cli.check_writable("out", folder)


class RunFolder:
    """The folder of one run, which need not exist yet.

    Args:
        path: of the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.yaml"
        self.metrics_file = self.path / "metrics.json"
        self.evaluation_file = self.path / "evaluation.json"
        self.history_file = self.path / "history.csv"
        self.best = self.checkpoint(BEST)  # the best by validation
        self.last = self.checkpoint(LAST)  # the newest

    def checkpoint(self, name: str) -> Path:
        """The path of a checkpoint, by file name."""
        return self.path / "checkpoints" / name

    def holds_run(self) -> bool:
        """Whether a run was begun in the folder."""
        return self.config_file.exists()

    def check_new(self) -> None:
        """Refuse a folder that holds a run.

        Raises:
            ConfigError: the folder holds a run.
        """
        if self.holds_run():
            raise ConfigError(
                f"hydra.run.dir={str(self.path)!r}: holds a run already; must be a new folder, "
                f"or {cli.argument('resume', self.path)} to resume it"
            )

    def held(self) -> AbstractContextManager[None]:
        """Context in which this process alone may write to the folder, see `lock.held`."""
        return lock.held(self.path)

    def is_held(self) -> bool:
        """Whether a process is writing to the folder now."""
        return lock.is_held(self.path)

    def write_config(self, cfg: dict[str, Any], *revisions: str | None) -> None:
        """Write config.yaml: a stamp of format and revisions, then the resolved configuration.

        Args:
            cfg: the configuration, without a stamp.
            revisions: of the code that the run was made with, in their order; None outside a git checkout.
        """
        stamp: dict[str, Any] = {"run_format": RUN_FORMAT, "git_revision": provenance.joined(revisions)}
        if len(revisions) > 1:
            stamp["revisions"] = list(revisions)
        write_whole(self.config_file, OmegaConf.to_yaml(OmegaConf.create(stamp | cfg)))

    def revisions(self) -> list[str | None]:
        """The revisions of the code that the run was made with; one joined text if an earlier version wrote it."""
        cfg = self.read_config()
        return list(cfg.get("revisions") or [cfg.get("git_revision")])

    def read_config(self, key: str = "run") -> dict[str, Any]:
        """The content of config.yaml, with the stamp.

        Args:
            key: that names the folder on the command line, for messages.

        Raises:
            UnreadableError: no folder, no run in it, a damaged file, or a run of another version.
        """
        allowed = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"
        if key == "resume":
            allowed = "must be the folder of a run or of a sweep, one that holds config.yaml or sweep.json"

        where = f"{key}={str(self.path)!r}"
        if not os.path.isdir(self.path):  # also False for a name that is too long
            raise UnreadableError(where, "no such folder", allowed)
        try:
            cfg = OmegaConf.to_container(OmegaConf.load(self.config_file))
        except FileNotFoundError:
            raise UnreadableError(where, "holds no config.yaml", allowed) from None
        except Exception as error:
            reason = f"config.yaml is damaged ({' '.join(str(error).split())})"
            raise UnreadableError(where, reason, allowed) from error
        foreign = UnreadableError(where, f"config.yaml is not one of {command('train')}", allowed)
        if not isinstance(cfg, dict) or "run_format" not in cfg:
            raise foreign
        if cfg["run_format"] != RUN_FORMAT:
            must = f"must be format {RUN_FORMAT}, which this version of the code reads"
            raise UnreadableError(where, f"was written in format {cfg['run_format']}", must)
        # A truncated file is valid YAML, but lacks the last sections.
        if "seed" not in cfg or not all(isinstance(cfg.get(section), dict) for section in SECTIONS):
            raise foreign
        return {str(key): value for key, value in cfg.items()}

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json atomically."""
        write_json(self.metrics_file, metrics)

    def remove_results(self) -> None:
        """Remove metrics.json and evaluation.json, if there: the run has not ended; its checkpoint changes."""
        self.metrics_file.unlink(missing_ok=True)
        self.evaluation_file.unlink(missing_ok=True)

    def read_metrics(self) -> dict[str, Any]:
        """The content of metrics.json; empty if there is no file.

        Raises:
            UnreadableError: a damaged file.
        """
        try:
            metrics = self._read_json(self.metrics_file)
        except (OSError, ValueError) as error:
            raise self._damaged(self.metrics_file, error) from error
        if not isinstance(metrics, dict):
            raise self._damaged(self.metrics_file, "it holds no metrics")
        return metrics

    def write_evaluation(self, evaluation: dict[str, Any]) -> None:
        """Write evaluation.json atomically."""
        write_json(self.evaluation_file, evaluation)

    def read_evaluation(self) -> dict[str, Any]:
        """The content of evaluation.json; empty if there is no file.

        Raises:
            UnreadableError: a damaged file.
        """
        try:
            evaluation = self._read_json(self.evaluation_file)
        except (OSError, ValueError) as error:
            raise self._damaged(self.evaluation_file, error) from error
        if not isinstance(evaluation, dict) or not isinstance(evaluation.get("test", {}), dict):
            raise self._damaged(self.evaluation_file, "it holds no test")
        return evaluation

    def read_history(self) -> list[dict[str, str]]:
        """The rows of history.csv; empty if there is no file.

        Raises:
            UnreadableError: a damaged file.
        """
        try:
            text = self.history_file.read_bytes().decode("utf-8")
            if not text.endswith("\n"):
                raise ValueError("its end is cut off")
            rows = list(csv.DictReader(io.StringIO(text)))
            for row in rows:
                if not math.isfinite(float(row["sequences"])):
                    raise ValueError("a count that is not finite")
                float(row["loss"])
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
            raise self._damaged(self.history_file, error) from error
        return rows

    def _read_json(self, path: Path) -> Any:
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _damaged(self, path: Path, why: object) -> UnreadableError:
        return UnreadableError(f"run={str(self.path)!r}", f"{path.name} is damaged ({why})")
