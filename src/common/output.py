"""Standard output and error of a command, made safe against closed pipes and narrow encodings."""

import errno
import io
import logging
import os
import sys
from typing import TextIO

#: Errors of a pipe whose reader has ended, and of a closed terminal.
READER_GONE = (errno.EPIPE, errno.EIO)


class _PipeFile(io.FileIO):
    """A file that drops writes when its reader is gone."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in READER_GONE:
                raise
            return memoryview(data).nbytes


def protect_standard_streams() -> None:
    """Keep errors of printing from ending this process; every command calls this first.

    Output is dropped when its reader is gone, as in `... | head -1`. A character that the encoding lacks is
    written as an escape. Streams that were replaced, as in a notebook, are left alone.
    """
    for name in ("stdout", "stderr"):
        before: TextIO | None = getattr(sys, name)
        if before is getattr(sys, f"__{name}__"):
            after = _protected(before)
            setattr(sys, name, after)
            _redirect_handlers(before, after)


def _protected(stream: TextIO | None) -> TextIO:
    """A stream to the same file descriptor that drops or escapes what cannot be written."""
    if stream is None:  # closed before the command began
        return open(os.devnull, "w", encoding="utf-8")
    stream.flush()
    raw: io.FileIO = _PipeFile(stream.fileno(), "w", closefd=False)
    unbuffered = getattr(stream, "write_through", False)  # set by PYTHONUNBUFFERED
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=unbuffered,
    )


def _redirect_handlers(before: TextIO | None, after: TextIO) -> None:
    """Make the log handlers that write to `before` write to `after`."""
    for logger in (logging.root, *logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is before is not None:
                handler.setStream(after)
