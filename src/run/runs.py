"""The run folder: what is written into it, and how a run is opened again."""

import importlib.metadata
import json
import os
import platform
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from filelock import FileLock, Timeout
from omegaconf import OmegaConf
from torch import nn

from src.common.files import write_whole
from src.common.paths import ROOT
from src.settings.build import build_network, build_task
from src.settings.errors import ConfigError
from src.tasks.base import Task

#: Raised when a run folder of today could no longer be read as one of yesterday.
RUN_FORMAT = 1
#: Parts of a configuration that opening a run needs; the last is the last of the file.
SECTIONS = ("model", "task", "optimizer", "schedule", "figure")
#: Locked by the process that writes to a run folder.
LOCK = ".lock"
#: The environment variable that tells the revision of the code where it was brought to without its history.
REVISION = "DMS_NTM_LAB_REVISION"


class Run(NamedTuple):
    """A run that was opened again."""

    model: nn.Module
    task: Task
    config: dict[str, Any]
    metrics: dict[str, Any]


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The run folder to oneself: no other process may write to it meanwhile. Whoever dies lets go of it.

    Raises:
        ConfigError: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # Whoever only looks whether it is held has it for a moment.
        with FileLock(folder / LOCK, timeout=1):
            yield
    except Timeout:
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: another process is writing to it; must be a folder of its own"
        ) from None
    except NotImplementedError:
        raise ConfigError(
            f"hydra.run.dir={str(folder)!r}: its file system has no locks (flock) to keep two processes apart; "
            "must be on one that has (Lustre has them where it is mounted with -o flock)"
        ) from None


def is_held(folder: Path) -> bool:
    """Whether a process is writing to a run folder now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole or not at all; numbers that JSON lacks become null."""
    write_whole(path, json.dumps(_finite(content), indent=2) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A tree of settings or metrics as one level of dotted keys.

    >>> flat({"a": 1, "b": {"c": [2], "d": {"e": 3}}})
    {'a': 1, 'b.c': [2], 'b.d.e': 3}
    """
    level: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            level |= flat(value, f"{prefix}{key}.")
        else:
            level[f"{prefix}{key}"] = value
    return level


def write_config(folder: Path, cfg: dict[str, Any], revision: str | None) -> None:
    """Write the resolved configuration, with the format of the run folder and the revision of the code."""
    stamped = {"run_format": RUN_FORMAT, "git_revision": revision, **cfg}
    write_whole(folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(stamped)))


def versions() -> dict[str, str]:
    """Versions of what a result may depend on."""
    packages = ("torch", "lightning", "hydra-core", "omegaconf", "numpy", "numba", "mnist1d")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def git_revision() -> str | None:
    """The commit of the code, with "+changes" where files differ from it; None outside a git checkout."""
    if os.environ.get(REVISION):
        return os.environ[REVISION]
    try:
        revision, changes = (
            subprocess.run(
                ["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=True
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+changes" if changes else "")


def read_config(folder: str | Path, key: str = "run") -> dict[str, Any]:
    """The configuration of a run folder; `key` is what the folder was given as.

    Raises:
        ConfigError: no folder, no run in it, a damaged file, or a run of another version.
    """
    folder = Path(folder)
    allowed = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"
    if key == "resume":
        allowed = "must be the folder of a run or of a sweep, one that holds config.yaml or sweep.json"
    if not os.path.isdir(folder):  # False, too, for a name that is too long
        raise ConfigError(f"{key}={str(folder)!r}: no such folder; {allowed}")
    try:
        cfg = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    except FileNotFoundError:
        raise ConfigError(f"{key}={str(folder)!r}: holds no config.yaml; {allowed}") from None
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{key}={str(folder)!r}: config.yaml is damaged ({reason}); {allowed}") from error
    foreign = ConfigError(f"{key}={str(folder)!r}: config.yaml is not one of src.train; {allowed}")
    if not isinstance(cfg, dict) or "run_format" not in cfg:
        raise foreign
    if cfg["run_format"] != RUN_FORMAT:
        raise ConfigError(
            f"{key}={str(folder)!r}: was written in format {cfg['run_format']}; must be format {RUN_FORMAT}, "
            "which this version of the code reads"
        )
    # One that was cut off reads well, but lacks its last sections.
    if "seed" not in cfg or not all(isinstance(cfg.get(section), dict) for section in SECTIONS):
        raise foreign
    return {str(key): value for key, value in cfg.items()}


def read_metrics(folder: str | Path) -> dict[str, Any]:
    """metrics.json of a run folder; empty where there is none.

    Raises:
        ConfigError: a damaged file.
    """
    path = Path(folder) / "metrics.json"
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigError(f"run={str(folder)!r}: metrics.json is damaged ({error})") from error
    if not isinstance(metrics, dict):
        raise ConfigError(f"run={str(folder)!r}: metrics.json is damaged (it holds no metrics)")
    return metrics


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Load a checkpoint into a network, weights only: no code of a stranger's file is run.

    Raises:
        ConfigError: a missing, damaged or foreign checkpoint.
    """
    where = f"checkpoint {str(checkpoint)!r}"
    if checkpoint.exists() and not checkpoint.is_file():
        raise ConfigError(f"{where}: is no file; it must be one that src.train has saved")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other formats, which are told below
            stored = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ConfigError(f"{where}: does not exist; the run must have saved one") from None
    except Exception as error:
        raise ConfigError(
            f"{where}: cannot be read as weights; it is damaged, or holds more than tensors and numbers"
        ) from error
    prefix = "network."
    if not isinstance(stored, dict) or not isinstance(stored.get("state_dict"), dict):
        raise ConfigError(f"{where}: is not a checkpoint of src.train")
    weights = {k.removeprefix(prefix): v for k, v in stored["state_dict"].items() if k.startswith(prefix)}
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"{where}: does not fit the configuration of its run: {reason}") from error


def load_run(path: str | Path, checkpoint: str = "best") -> Run:
    """Open a run folder: the trained network in evaluation mode, its task, configuration and metrics.

    Args:
        path: the run folder.
        checkpoint: best or last.

    Raises:
        ConfigError: see `read_config` and `load_weights`.

    Example:
        >>> run = load_run("outputs/published/runs/repeat_copy_ntm_seed1")
        >>> run.task.setup()
        >>> y, state = run.model(run.task.validation[0].x)
        >>> list(y.shape), list(state.memory.shape)  # [B, T, O], [B, N, M]
        ([64, 18, 9], [64, 128, 20])
    """
    cfg = read_config(path)
    task = build_task(cfg)
    network = build_network(cfg, task)
    load_weights(network, Path(path) / "checkpoints" / f"{checkpoint}.ckpt")
    return Run(network.eval(), task, cfg, read_metrics(path))
