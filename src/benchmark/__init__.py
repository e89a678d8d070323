"""How fast training is and what it costs: `python -m src.benchmark`; one question a file."""
