"""Warm subprocesses: commands as forks of a parent that has imported all modules.

A cold `python -m src.train` imports modules for some seconds before it does anything; a fork of this parent starts
at once. It has the working folder, environment, streams and session that `subprocess.Popen` was given, and ends as
an interpreter does, so that signals, exit codes and output are those of a cold process. Its own subprocesses are
forks, too. The process is cold if a variable is given that is read while modules are imported.
"""

import atexit
import functools
import inspect
import json
import os
import re
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests import figure_drawing

ROOT = Path(__file__).resolve().parents[1]
#: Modules that the parent imports, besides numba.
COMMANDS = (
    "train",
    "evaluate",
    "publish",
    *(f"{package}.__main__" for package in ("replay", "report", "search", "study")),
)
FILES = ("tests/commands/killing.py",)
#: Variables that are read while modules are imported, or by Python itself.
EARLY = re.compile(r"(LOCAL_)?RANK|SLURM_.*|JSM_.*|MPL.*|MATPLOTLIBRC|LC_.*|LANG|NUMBA_.*|PYTHON(?!PATH$).*")
#: The environment of the parent.
BEFORE = dict(os.environ)
Cold = subprocess.Popen
SIGNATURE = inspect.signature(Cold._execute_child)


def early(environment):
    return {name: value for name, value in environment.items() if EARLY.fullmatch(name)}


class Popen(Cold):
    """`subprocess.Popen` that forks the warm parent for commands of this project."""

    _forked = None

    def _execute_child(self, *given):
        asked = SIGNATURE.bind(self, *given).arguments
        command, environment = asked["args"], dict(os.environ if asked["env"] is None else asked["env"])
        if not _is_command(command) or early(environment) != early(BEFORE) or asked["pass_fds"]:
            super()._execute_child(*given)
            return
        request = {
            "arguments": [os.fspath(word) for word in command[1:]],
            "session": asked["start_new_session"],
            "cwd": os.path.abspath(asked["cwd"] or "."),
            "env": environment,
            "drawing": figure_drawing.is_on(),
        }
        ends = [asked[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        streams = [own if end == -1 else end for own, end in enumerate((ends[0], ends[3], ends[5]))]
        self._forked, status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with status:
            socket.send_fds(_parent(), [json.dumps(request).encode()], [*streams, status.fileno()])
        self._close_pipe_fds(*ends)
        self.pid = int(self._forked.recv(20))
        self._child_created = True

    def _try_wait(self, flags):
        if self._forked is None:
            return super()._try_wait(flags)
        if flags & os.WNOHANG and not select.select([self._forked], [], [], 0)[0]:
            return 0, 0
        with self._forked:
            return self.pid, int(self._forked.recv(20))

    def _internal_poll(self, *arguments, **options):
        if self._forked is None:
            return super()._internal_poll(*arguments, **options)
        if self.returncode is None and self._waitpid_lock.acquire(False):
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def _is_command(command):
    if isinstance(command, str | bytes) or len(command) < 2 or command[0] != sys.executable:
        return False
    return command[1] in FILES or (command[1] == "-m" and command[2].startswith("src."))


#: The connection of a fork to the parent.
_connection = None


def _parent():
    """The connection to the parent, which starts at the first use and ends with this process."""
    global _connection
    if _connection is None:
        _connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ends = [theirs.fileno(), _connection.fileno()]
        with theirs:
            command = [sys.executable, "-m", "tests.processes", *map(str, ends)]
            parent = Cold(command, cwd=ROOT, env=BEFORE, pass_fds=ends, stdin=subprocess.PIPE)
        atexit.register(_end, parent)
    return _connection


def _end(parent):
    parent.stdin.close()
    _connection.close()
    parent.wait()


def _serve(requests):
    """Fork for each request; returns in the fork, with the arguments of the request."""
    while True:
        if sys.stdin in select.select([requests, sys.stdin], [], [])[0]:
            os._exit(0)
        request, descriptors, *_ = socket.recv_fds(requests, 1 << 20, 4)
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
    requests.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    if child := os.fork():  # this fork waits for its child, and sends the process id and the exit status
        for descriptor in (0, *streams):
            os.close(descriptor)
        try:
            os.write(status, f"{child}".encode())
            os.write(status, f"{os.waitpid(child, 0)[1]}".encode())
        finally:
            os._exit(0)  # the process that asked may have ended
    given = json.loads(request)
    if given["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(given["cwd"])
    os.environ.clear()
    os.environ.update(given["env"])
    figure_drawing.turn(given["drawing"])
    return given["arguments"]


def _main():
    import torch

    import tests.processes as own
    from tests import composition

    for name in (*(f"src.{command}" for command in COMMANDS), "numba"):
        __import__(name)
    composition.warm()
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would not have the other threads"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a fork that has ended is forgotten
    requests, own._connection = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    kind, *arguments = _serve(requests)
    subprocess.Popen = own.Popen
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()))
    if kind != "-m":
        sys.argv = [kind, *arguments]
        return functools.partial(runpy.run_path, kind, run_name="__main__")
    for name in COMMANDS:  # runpy warns about a module that was imported before
        package, _, module = f"src.{name}".rpartition(".")
        del sys.modules[f"{package}.{module}"]
        delattr(sys.modules[package], module)
    sys.argv = arguments
    return functools.partial(runpy.run_module, arguments[0], run_name="__main__", alter_sys=True)


def _end_process(code):
    """End this process as an interpreter does, but leave its modules whole: their end takes 1.5 s in a fork."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            sys.exit(code)  # the interpreter reports it
    os._exit(code)


if __name__ == "__main__":
    try:
        _main()()
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _end_process((end.code or 0) & 0xFF)
    _end_process(0)
