"""Files that are written whole or not at all, in UTF-8."""

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from src.common.nested import finite


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well.

    Whoever is killed, or finds the disk full, before that leaves what was at `path` as it was. A symbolic link
    stays; what it points to is replaced.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(Path(folder) / "a.txt") as partial:
    ...         _ = partial.write_bytes(b"all of it")
    ...     (Path(folder) / "a.txt").read_bytes(), len(os.listdir(folder))
    (b'all of it', 1)
    """
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name}.part")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A new folder beside `path` to write to; it takes the place of `path`, with all in it, when it ends well.

    A symbolic link stays; what it points to is replaced.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = Path(folder) / "a"
    ...     for name in ("old", "new"):
    ...         with whole_folder(place) as partial:
    ...             _ = (partial / name).write_bytes(b"all of it")
    ...     os.listdir(folder), os.listdir(place)
    (['a'], ['new'])
    """
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        new.rename(path)


def write_whole(path: str | Path, content: str | bytes | memoryview) -> None:
    """Write a file whole or not at all; text as UTF-8."""
    with whole(path) as partial:
        partial.write_bytes(utf8(content) if isinstance(content, str) else content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole or not at all; numbers that JSON lacks become null."""
    write_whole(path, json.dumps(finite(content), indent=2) + "\n")


def utf8(text: str) -> bytes:
    """A text as UTF-8, with the names of files as they are on the disk, whatever the locale of this process.

    >>> utf8(os.fsdecode("Übung".encode())).decode()
    'Übung'

    Args:
        text: may hold surrogates, which stand for bytes of names that are not of the locale's encoding.
    """
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for nothing
        content = text.encode("utf-8", "replace")
    return content.decode("utf-8", "replace").encode("utf-8")


def utf8_path(folder: str) -> str:
    """The folder by a name that can be written as UTF-8: through a link where its own cannot; for TensorBoard.

    Args:
        folder: its name may hold surrogates, as in `utf8`.
    """
    try:
        folder.encode()
        return folder
    except UnicodeEncodeError:
        place = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        link = os.path.join(place, "run")
        os.symlink(os.path.abspath(folder), link)
        return link
