"""Atomic writes of files and folders, and UTF-8 and CSV text."""

import atexit
import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .nested import finite


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it replaces `path` when the block ends without an exception.

    If the process is killed or the disk is full before that, `path` is unchanged. If `path` is a symbolic link,
    its target is replaced.

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
    """A temporary folder beside `path` to write to; it replaces `path` when the block ends without an exception.

    If `path` is a symbolic link, its target is replaced.

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
        try:
            if path.exists():
                path.rename(old)
            new.rename(path)
        except BaseException:  # also a Ctrl-C between the two
            if old.exists() and not path.exists():
                old.rename(path)
            raise


def write_whole(path: str | Path, content: str | bytes | memoryview) -> None:
    """Write a file whole or not at all; text as UTF-8."""
    with whole(path) as partial:
        partial.write_bytes(utf8(content) if isinstance(content, str) else content)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON whole or not at all; numbers that JSON lacks become null."""
    write_whole(path, json.dumps(finite(content), indent=2) + "\n")


def utf8(text: str) -> bytes:
    """Text encoded as UTF-8 in any locale, with file names in it as the bytes that they have on disk.

    >>> utf8(os.fsdecode("Übung".encode())).decode()
    'Übung'

    Args:
        text: may hold surrogates, which stand for bytes of file names that the locale cannot decode.
    """
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        content = text.encode("utf-8", "replace")
    return content.decode("utf-8", "replace").encode("utf-8")


def utf8_path(folder: str) -> str:
    """A path to the folder that is valid UTF-8, as TensorBoard needs: a temporary symbolic link where necessary.

    Args:
        folder: may hold surrogates, as in `utf8`.
    """
    try:
        folder.encode()
        return folder
    except UnicodeEncodeError:
        parent = tempfile.mkdtemp()
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        link = os.path.join(parent, "run")
        os.symlink(os.path.abspath(folder), link)
        return link


def as_csv(rows: list[dict[str, Any]], header: bool) -> str:
    """Rows with the same columns as CSV text, with a header line if `header`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
