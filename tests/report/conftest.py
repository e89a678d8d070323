"""Synthetic run folders, with the files that a report reads."""

import csv
import math

import numpy as np
import pytest

from src.common.files import write_json
from src.run.folder import RunFolder
from tests.helpers import compose_train

VERSIONS = {"python": "3.11.7", "torch": "2.13.0"}
CELLS = ("in_distribution", "10x20", "20x10")


def bits(error):
    """Metrics of a test set in bits with a share of wrong payload bits."""
    return {
        "bits": 900 * error, "error_bits": 450 * error, "payload_error": error, "end_error": error / 2,
        "end_exact": float(error < 0.1), "exact": float(error == 0), "loss": error, "memory_slots": 128,
    }  # fmt: skip


@pytest.fixture
def fake(tmp_path):
    """Makes the folder of a run: `fake(name, *overrides, key of metrics.json=value)`; returns its path."""

    def make(name, *overrides, errors=(0.0, 0.2, 0.1), accuracy=0.9, revision="a" * 40, history=3, **metrics):
        folder = tmp_path / "runs" / name
        seeds = [one for one in overrides if one.startswith("seed=")]
        cfg = compose_train("~recipe", *(one for one in overrides if one not in seeds))
        cfg["seed"] = int(seeds[-1].removeprefix("seed=")) if seeds else cfg["seed"]
        bit = cfg["task"]["name"] == "repeat_copy"
        solved = bit and errors[0] < 0.01
        scores = {"accuracy": accuracy, "loss": 1.0 - accuracy}
        content = {
            "status": "finished", "model": cfg["model"]["name"], "task": cfg["task"]["name"], "seed": cfg["seed"],
            "parameters": 1000, "state_size": 20, "engine": None, "updates": 500, "sequences": 8000,
            "seconds": 40.0, "solved": solved, "sequences_to_solve": 6000 if solved else None,
            "seconds_to_solve": 30.0 if solved else None,
            "validation": bits(errors[0]) if bit else scores,
            "test": dict(zip(CELLS, map(bits, errors), strict=False)) if bit else {**scores, "generated": scores},
            "error": None, "git_revision": revision, "versions": VERSIONS,
        } | metrics  # fmt: skip
        folder.mkdir(parents=True)
        RunFolder(folder).write_config(cfg, revision)
        write_json(folder / "metrics.json", content)
        with (folder / "history.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["update", "sequences", "loss"])
            writer.writerows([(n, 16 * n, math.exp(-n)) for n in range(1, history + 1)])
        return folder

    make.top = tmp_path / "runs"
    return make


@pytest.fixture
def rng_numpy() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(0)
