"""Standard output and error of a command: whoever reads them, and in whatever encoding, the work goes on."""

import errno
import io
import logging
import os
import sys
from typing import TextIO

#: Of a pipe whose reader has ended, and of a terminal that was closed.
GONE = (errno.EPIPE, errno.EIO)


class _Unread(io.FileIO):
    """A file whose writes are dropped once nobody reads them."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in GONE:
                raise
            return memoryview(data).nbytes


def protect_standard_streams() -> None:
    """Make what this process prints unable to end it; each command does so first.

    Where the reader has gone away, as in `... | head -1`, output is dropped. A sign that the encoding lacks is
    written as an escape. Streams that are not the process's own, as in a notebook, stay as they are.
    """
    for name in ("stdout", "stderr"):
        before: TextIO | None = getattr(sys, name)
        if before is getattr(sys, f"__{name}__"):
            after = _steadied(before)
            setattr(sys, name, after)
            _hand_over(before, after)


def _steadied(stream: TextIO | None) -> TextIO:
    """A stream to the same place."""
    if stream is None:  # it was closed before the command began
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw: io.FileIO = _Unread(stream.fileno(), "w", closefd=False)
    unbuffered = getattr(stream, "write_through", False)  # as PYTHONUNBUFFERED makes it
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=unbuffered,
    )


def _hand_over(before: TextIO | None, after: TextIO) -> None:
    """Let the handlers that log to one stream log to another."""
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before is not None:
                handler.setStream(after)
