"""One run: its folder, resume, how it ends, the processes that share it."""
