"""Replay of a trained run on one sequence, as an animation and an interactive page: `python -m src.replay`."""
