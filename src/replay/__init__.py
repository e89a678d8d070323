"""Watch a run at work on one sequence: `python -m src.replay`; an animation and a page with a time slider."""
