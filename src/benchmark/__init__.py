"""Benchmarks of speed, cost and memory of training: `python -m src.benchmark`; one benchmark per file."""
