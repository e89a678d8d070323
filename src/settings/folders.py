"""Output folders of a command line, checked without being made."""

import os
import re
import tempfile
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .errors import ConfigError
from .unknown import first_line

#: As long as the longest name of a file in a run folder.
LONG_NAME = "x" * 120


def output(cfg: DictConfig, key: str, within: Path | None = None) -> Path:
    """The folder that a key of Hydra names; HydraConfig must be set.

    Raises:
        ConfigError: an invalid name, or a folder outside `within`, the folder of the sweep.
    """
    try:
        chosen = OmegaConf.select(cfg, key)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{key}: {first_line(error)}; must be a folder; ${{...}} in its name must be an existing key"
        ) from error
    if not chosen:
        raise ConfigError(f"{key}={chosen!r}: must be a folder")
    folder = Path(str(chosen))
    if within is not None:
        if folder.is_absolute() or os.path.normpath(folder).split(os.sep)[0] in (".", ".."):
            raise ConfigError(f"{key}={str(folder)!r}: must be a folder within hydra.sweep.dir")
        folder = within / folder
    if "${" in os.path.abspath(folder):
        raise ConfigError(
            f"{key}={str(folder)!r}: must be a folder without ${{ in its path, which Hydra would look up"
        )
    return folder


def check_writable(key: str, folder: Path, hint: str = "") -> None:
    """Refuse a folder that cannot be made or written to, without making it.

    Args:
        key: that the folder was given by, for the message.
        folder: the folder.
        hint: added to the message.
    """
    existing, missing = _parts(folder)
    try:
        with tempfile.TemporaryDirectory(dir=existing) as trial:
            Path(trial, *missing, LONG_NAME).mkdir(parents=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{key}={str(folder)!r}: cannot be written ({why}); must be a folder that can{hint}"
        ) from error


class FolderChecks:
    """Checks of many folders; of folders in one place whose names have the same lengths, only one is tried."""

    def __init__(self) -> None:
        self.passed: set[tuple[str, tuple[int | str, ...]]] = set()

    def check_writable(self, key: str, folder: Path) -> None:
        """As the function `check_writable`."""
        existing, missing = _parts(folder)
        shape = tuple(len(name) if re.fullmatch(r"[\w.,=+-]*", name, re.ASCII) else name for name in missing)
        if (existing, shape) not in self.passed:
            check_writable(key, folder)
            self.passed.add((existing, shape))


def _parts(folder: Path) -> tuple[str, list[str]]:
    """The existing part of the path of a folder, and the names of the missing folders below."""
    existing, missing = os.path.abspath(folder), list[str]()
    while not os.path.lexists(existing) and existing != os.path.dirname(existing):
        existing, name = os.path.split(existing)
        missing.insert(0, name)
    return existing, missing
