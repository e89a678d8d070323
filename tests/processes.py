"""Commands in processes that are not cold: forks of a parent that has imported everything.

A cold `python -m src.train` imports for some seconds before it does anything; a fork of this parent begins at
once. It has the working folder, environment, streams and session that `subprocess.Popen` was asked for, and goes
through the whole end of the interpreter, so that signals, exit codes and output are as ever. What it starts itself
is a fork, too. Where a variable is given that is read while modules are imported, the process is a cold one.
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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What the parent imports.
COMMANDS = (
    "train",
    "evaluate",
    "publish",
    *(f"{room}.__main__" for room in ("replay", "report", "search", "study")),
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
    """`subprocess.Popen`, whose processes are forks where they run a command of ours."""

    _forked = None

    def _execute_child(self, *given):
        asked = SIGNATURE.bind(self, *given).arguments
        command, environment = asked["args"], dict(os.environ if asked["env"] is None else asked["env"])
        if not _is_ours(command) or early(environment) != early(BEFORE) or asked["pass_fds"]:
            super()._execute_child(*given)
            return
        request = {
            "arguments": [os.fspath(word) for word in command[1:]],
            "session": asked["start_new_session"],
            "cwd": os.path.abspath(asked["cwd"] or "."),
            "env": environment,
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


def _is_ours(command):
    if isinstance(command, str | bytes) or len(command) < 2 or command[0] != sys.executable:
        return False
    return command[1] in FILES or (command[1] == "-m" and command[2].startswith("src."))


#: To the parent, from what it has forked.
_connection = None


def _parent():
    """The connection to the parent, which is started by the first that needs it and ends with it."""
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
    """Fork for each request; comes back in the forks, with the arguments of each."""
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
    if child := os.fork():  # this fork waits for its own, and tells the number of that and how it ended
        for descriptor in (0, *streams):
            os.close(descriptor)
        try:
            os.write(status, f"{child}".encode())
            os.write(status, f"{os.waitpid(child, 0)[1]}".encode())
        finally:
            os._exit(0)  # whoever asked may have gone
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
    return given["arguments"]


def _main():
    import torch

    import tests.processes as own

    for name in COMMANDS:
        __import__(f"src.{name}")
    assert len(os.listdir("/proc/self/task")) == 1, "a fork would not have the other threads"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a fork that has ended is forgotten
    requests, own._connection = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    kind, *arguments = _serve(requests)
    subprocess.Popen = own.Popen
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count()))
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
