"""Published runs: each loads, and its network reaches the validation metrics it was published with."""

from pathlib import Path

import pytest

from src.common.paths import CHECKOUT as ROOT
from src.run import load_run
from src.settings.build import build_learner
from tests.helpers import CACHE

RUNS = sorted(path.parents[1] for path in Path(ROOT, "outputs/published/runs").glob("*/checkpoints/best.ckpt"))


def test_there_are_published_runs_of_every_kind():
    models = {load_run(folder).config["model"]["name"] for folder in RUNS}
    tasks = {load_run(folder).config["task"]["name"] for folder in RUNS}
    assert models == {"mlp", "lstm", "gru", "ntm", "dms_ntm"}
    assert tasks == {"repeat_copy", "mnist1d", "mnist1d_seed", "seek"}


@pytest.mark.parametrize("folder", RUNS, ids=[folder.name for folder in RUNS])
def test_a_published_run_reaches_its_published_validation(folder):
    run = load_run(folder)
    if hasattr(run.task, "cache"):
        run.task.cache = Path(CACHE)
    run.task.setup()
    learner = build_learner(run.config, run.task, run.model)
    published = dict(run.metrics["validation"])
    del published["update"]
    measured = learner.eval().measure(run.task.validation)
    assert published.keys() <= measured.keys()
    # Another build of torch rounds differently, which can change single bits of a long sequence.
    for name, value in published.items():
        assert measured[name] == pytest.approx(value, rel=0.01, abs=0.01), name
