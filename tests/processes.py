"""Commands in processes of their own that need not be cold: forks of a parent that has imported everything.

A cold `python -m src.train` imports for some seconds before it does anything; a fork of this parent begins at
once. It has its own working folder, environment, streams and, where asked for, session, and goes through the whole
end of the interpreter, so that signals, exit codes and output are as ever. Variables that are read while modules
are imported come too late for it, and a process that it starts is cold.
"""

import atexit
import functools
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
#: What the parent imports.
COMMANDS = (
    "train",
    "evaluate",
    "publish",
    "replay.__main__",
    "report.__main__",
    "search.__main__",
    "study.__main__",
)


class Ended(NamedTuple):
    """How a process ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


class Process:
    """`python <arguments>` as a fork; what it writes goes to files, so that it never waits for a reader.

    Args:
        arguments: `-m`, a module and its arguments, or a file and its arguments.
        session: whether it is the first of a session of its own.
        together: whether stderr goes where stdout goes.
        cwd: its working folder.
        env: variables besides those of this process.
    """

    def __init__(self, *arguments, session=False, together=False, cwd=ROOT, env=None):
        self.returncode = None
        self._files = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  (closed by `_look`)
        self._status, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = {
            "arguments": [str(argument) for argument in arguments],
            "session": session,
            "cwd": str(cwd),
            "env": {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        }
        out, err = (file.fileno() for file in self._files)
        with status:
            streams = [out, out if together else err, status.fileno()]
            socket.send_fds(_parent(), [json.dumps(request).encode()], streams)
        self.pid = int(self._status.recv(20))
        atexit.register(self._kill)

    def poll(self):
        """The exit code, negative for a signal; None while it is at work."""
        return self._look(0.0)

    def wait(self, timeout=300):
        """The exit code, once it has ended."""
        if self._look(timeout) is None:
            raise subprocess.TimeoutExpired("a fork", timeout)
        return self.returncode

    def communicate(self, timeout=300):
        """What it wrote to stdout and to stderr, once it has ended."""
        self.wait(timeout)
        return self._told

    def send_signal(self, number):
        os.kill(self.pid, number)

    def _look(self, seconds):
        if self.returncode is None:
            self._status.settimeout(seconds)
            try:
                self.returncode = int(self._status.recv(20))
            except (BlockingIOError, TimeoutError):
                return None
            self._told = []
            for file in self._files:
                file.seek(0)
                self._told.append(file.read().decode())
                file.close()
            self._status.close()
            atexit.unregister(self._kill)
        return self.returncode

    def _kill(self):
        os.kill(self.pid, signal.SIGKILL)


def ran(*arguments, **options):
    """Run `python <arguments>` to its end."""
    process = Process(*arguments, **options)
    out, err = process.communicate()
    return Ended(process.returncode, out, err)


@functools.cache
def _parent():
    """The connection to the parent, which ends when this process does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-m", "tests.processes", str(theirs.fileno())]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        parent = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], env=environment)

    def end():
        ours.close()
        parent.wait()

    atexit.register(end)
    return ours


def _serve(connection):
    """Fork for each request; comes back in the forks, with the arguments of each."""
    while True:
        request, descriptors, *_ = socket.recv_fds(connection, 1 << 20, 3)
        if not request:
            sys.exit()
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
    connection.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    # This fork forks in turn, and tells the number of its own and how that has ended.
    if child := os.fork():
        os.write(status, f"{child}".encode())
        code = os.waitpid(child, 0)[1]
        os.write(status, f"{os.waitstatus_to_exitcode(code)}".encode())
        os._exit(0)
    given = json.loads(request)
    if given["session"]:
        os.setsid()
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(given["cwd"])
    os.environ.clear()
    os.environ.update(given["env"])
    return given["arguments"]


def _main():
    for name in COMMANDS:
        __import__(f"src.{name}")
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would not have the other threads"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a fork that has ended is forgotten
    kind, *arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    if kind != "-m":
        sys.argv = [kind, *arguments]
        return functools.partial(runpy.run_path, kind, run_name="__main__")
    for name in COMMANDS:  # a command is no module that was imported
        package, _, module = f"src.{name}".rpartition(".")
        del sys.modules[f"{package}.{module}"]
        delattr(sys.modules[package], module)
    sys.argv = arguments
    return functools.partial(runpy.run_module, arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()()
