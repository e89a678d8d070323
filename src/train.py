"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

from .common import output
from .launch.command import command
from .run.nonzero_rank import run_if_nonzero_rank
from .run.parts import assemble
from .run.train import Outcome, resume, train

__all__ = ["Outcome", "assemble", "resume", "train"]

if __name__ == "__main__":
    output.protect_standard_streams()
    if not run_if_nonzero_rank(assemble):
        command()
