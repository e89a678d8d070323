"""Fixtures: a study of a tiny network, and a tuning with made-up results."""

import copy

import pytest

from src.common.files import write_json
from src.launch import sweep
from src.settings.job import Job
from src.study.plan import read
from tests.helpers import SMALL

#: Two updates of a tiny network on MNIST-1D.
SIZES = [
    *("task=mnist1d", *SMALL["mnist1d"], "logger=none", "trainer.enable_progress_bar=false"),
    *("trainer.max_steps=2", "validate_every=1"),
]
STUDY = {
    "name": "tiny",
    "about": "a tiny network, it's small",
    "tuning": {
        "metric": "accuracy",
        "write": "tiny",
        "common": [*SIZES, "seed=201,202"],
        "sweeps": {"mlp": ["model=mlp", "model.hidden_sizes=[8],[9]"]},
    },
    "sweeps": {"runs": ["experiment=tiny/mlp", *SIZES, "seed=0,1"]},
    "evaluate": {"runs": []},
    "reports": {"table": {"sweeps": ["runs"], "settings": ["pictures=false"]}},
}


@pytest.fixture
def settings(tmp_path):
    """The settings of src.study for the tiny study, some of them changed: settings(only="tune")."""

    (tmp_path / "conf").mkdir(exist_ok=True)

    def changed(content=STUDY, **others):
        return {
            "study": copy.deepcopy(content),
            "folder": str(tmp_path / "studies"),
            "published": str(tmp_path / "published"),
            "conf": str(tmp_path / "conf"),
            "workers": 1,
            "launcher": None,
            "dry_run": False,
            "only": None,
            "retry_failed": False,
        } | others

    return changed


@pytest.fixture
def tuned(settings):
    """A plan whose tuning has the given results for its one model: a list of (size, lr, seed, metrics)."""

    def made(results, metric="accuracy"):
        content = copy.deepcopy(STUDY)
        content["tuning"]["metric"] = metric
        content["tuning"]["sweeps"]["mlp"].append("optimizer.lr=1e-3,1e-5")
        plan = read(settings(content))
        folder = plan.tuning.sweeps["mlp"].folder
        jobs = [
            Job(
                {},
                [
                    "model=mlp",
                    f"model.hidden_sizes=[{size}]",
                    f"optimizer.lr={lr}",
                    "task=mnist1d",
                    f"seed={seed}",
                ],
                folder / str(number),
                folder,
                {},
            )
            for number, (size, lr, seed, _) in enumerate(results)
        ]
        if not (folder / "sweep.json").exists():
            sweep.begin(folder, ["seed=201,202"], jobs)
        for job, (*_, metrics) in zip(jobs, results, strict=True):
            job.folder.mkdir(exist_ok=True)
            (job.folder / "config.yaml").write_text("")
            write_json(job.folder / "metrics.json", {"status": "finished", "parameters": 100} | metrics)
        return plan

    return made
