"""Folders that a command line names: refused where they could not be made, without making them."""

import os
import re
import tempfile
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from src.settings.errors import ConfigError
from src.settings.unknown import first_line

#: As long as the names of files in a run folder.
LONG_NAME = "x" * 120


def output(cfg: DictConfig, key: str, within: Path | None = None) -> Path:
    """The folder that a key of Hydra names; HydraConfig must be set.

    Raises:
        ConfigError: no name of a folder, or one that is not within the folder of its sweep.
    """
    try:
        chosen = OmegaConf.select(cfg, key)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{key}: {first_line(error)}; must be a folder, in whose name ${{...}} stands for a key that there is"
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
    """Refuse a folder that cannot be made or written to, without making it; `key` is what it was given as."""
    there, missing = _parts(folder)
    try:
        with tempfile.TemporaryDirectory(dir=there) as trial:
            Path(trial, *missing, LONG_NAME).mkdir(parents=True)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"{key}={str(folder)!r}: cannot be written ({why}); must be a folder that can{hint}"
        ) from error


class Alike:
    """Checks of many folders; of those whose names differ in nothing but their letters, one is tried."""

    def __init__(self) -> None:
        self.good: set[tuple[str, tuple[int | str, ...]]] = set()

    def check_writable(self, key: str, folder: Path) -> None:
        """As the function of this name."""
        there, missing = _parts(folder)
        shape = tuple(len(name) if re.fullmatch(r"[\w.,=+-]*", name, re.ASCII) else name for name in missing)
        if (there, shape) not in self.good:
            check_writable(key, folder)
            self.good.add((there, shape))


def _parts(folder: Path) -> tuple[str, list[str]]:
    """What there is of the path of a folder, and the names of what there is not."""
    there, missing = os.path.abspath(folder), list[str]()
    while not os.path.lexists(there) and there != os.path.dirname(there):
        there, name = os.path.split(there)
        missing.insert(0, name)
    return there, missing
