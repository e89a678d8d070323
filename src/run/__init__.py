"""One run: its folder, resume, how it ends, the processes that share it."""

from src.run.load import load_run as load_run
