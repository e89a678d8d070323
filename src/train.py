"""Train a model on a task: `python -m src.train model=dms_ntm task=repeat_copy`."""

from src.common import output
from src.launch.command import command
from src.run.follow import follow
from src.run.train import Outcome, assemble, resume, train

__all__ = ["Outcome", "assemble", "resume", "train"]

if __name__ == "__main__":
    output.steady()
    if not follow(assemble):
        command()
