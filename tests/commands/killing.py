"""Train a tiny model in a process that is killed repeatedly.

Usage: `python tests/commands/killing.py <folder> <kills> <seed> <override>...`.

A process that has imported everything forks a child for each attempt, and ends it with SIGKILL: at a random
update, while it writes a checkpoint, or soon after its start. Prints the number of kills of each kind, as JSON.
"""

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from src.callbacks import checkpoint  # noqa: E402
from src.common.files import whole  # noqa: E402
from src.lit.learner import Learner  # noqa: E402
from src.settings.build import build_network, build_task  # noqa: E402
from src.train import resume, train  # noqa: E402
from tests.helpers import compose_train  # noqa: E402

#: Messages of a child: an update begins, half of a checkpoint is written, a checkpoint is complete.
UPDATE, HALF, WHOLE = b"u", b"h", b"w"


def attempt(cfg, folder, pipe):
    """Begin or resume the run, in a child that writes its messages to a pipe."""
    step = Learner.training_step

    def write_slowly(path, content):
        with whole(path) as partial, partial.open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            os.write(pipe, HALF)
            time.sleep(0.01)
            file.write(content[len(content) // 2 :])
        os.write(pipe, WHOLE)

    def reported_step(self, batch, batch_idx):
        os.write(pipe, UPDATE)
        return step(self, batch, batch_idx)

    checkpoint.write_whole, Learner.training_step = write_slowly, reported_step
    (resume(folder) if (folder / "config.yaml").exists() else train(cfg, folder))


def load_kernels(cfg):
    """Load the compiled kernels once, so that no child has to."""
    task = build_task(cfg)
    x = torch.zeros(1, 2, task.input_size)
    build_network(cfg, task)(x)[0].sum().backward()


def forked(cfg, folder):
    """A child that trains, and the pipe with its messages."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child:
        os.close(write_end)
        return child, read_end
    os.close(read_end)
    try:
        attempt(cfg, folder, write_end)
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        os._exit(1)


def wait_for(pipe, wanted, count):
    """Wait for `count` messages `wanted` of a child; false if it ended before."""
    while count:
        message = os.read(pipe, 1)
        if not message:
            return False
        count -= message == wanted
    return True


def main(folder, kills, seed, overrides):
    chance, done = random.Random(seed), {"update": 0, "save": 0, "start": 0}
    cfg = compose_train(*overrides)
    load_kernels(cfg)
    while True:
        child, pipe = forked(cfg, folder)
        if sum(done.values()) >= kills:
            _, status = os.waitpid(child, 0)
            print(json.dumps({**done, "code": os.waitstatus_to_exitcode(status)}))
            return
        kind = chance.choices(list(done), [5, 4, 1])[0]
        if kind == "start":
            select.select([], [], [], chance.uniform(0.0, 0.5))
            in_time = True
        elif kind == "save":
            in_time = wait_for(pipe, HALF, chance.randint(1, 4))
        else:
            in_time = wait_for(pipe, UPDATE, chance.randint(1, 9))
            time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(pipe)
        done[kind] += in_time


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
