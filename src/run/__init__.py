"""One run: folder, training, resume, ending, and the processes that share the run."""

from .load import load_run as load_run
