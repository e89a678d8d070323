"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

from src.common import output
from src.launch.command import command
from src.run.nonzero_rank import run_if_nonzero_rank
from src.run.parts import assemble
from src.run.train import Outcome, resume, train

__all__ = ["Outcome", "assemble", "resume", "train"]

if __name__ == "__main__":
    output.protect_standard_streams()
    if not run_if_nonzero_rank(assemble):
        command()
