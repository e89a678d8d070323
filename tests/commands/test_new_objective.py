"""A new task with a new objective needs a Task, a yaml file and an Objective, and no other change.

The example is regression on the sum of some numbers, with one metric to minimise and one to maximise.
"""

import csv
import json
import math
import shutil
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor
from torchmetrics import Metric as Counter

from src import evaluate
from src.callbacks.pictures import trace
from src.common.files import write_json
from src.common.paths import CONF
from src.figures.style import Figure
from src.launch import sweep
from src.lit.objective import Answer, Metric, Objective
from src.lit.objectives import OBJECTIVES, recognised
from src.replay.recording import record
from src.report import publication
from src.report.request import read_request
from src.run import evaluation
from src.run.folder import RunFolder
from src.run.load import load_run
from src.run.train import objective_value, train
from src.settings import build, keys
from src.study import plan
from src.tasks.axes import Axis
from src.tasks.base import Example, Task
from src.tasks.streams import generator
from tests.helpers import written


class Batch(NamedTuple):
    """Sequences of numbers, and their sums."""

    x: Tensor  # [B, T, 1]
    y: Tensor  # [B, 1]


class Sums(Task):
    """Task: the sum of the numbers of a sequence, given at the last step."""

    objective = "regression"
    input_size = output_size = 1
    steps = None
    axes = (Axis("length", "lengths"),)
    like_training = ("in_distribution",)

    def __init__(self, min_length: int, max_length: int, batch_size: int, test_cells: list[list[int]], seed: int):
        super().__init__()
        self.lengths, self.batch_size, self.seed = (min_length, max_length), batch_size, seed
        self.test_cells = self.check_cells("test_cells", test_cells)

    @classmethod
    def check_cells(cls, key, cells):
        return [(int(length),) for (length,) in cells]

    def batch(self, size: int, length: int, stream: int) -> Batch:
        x = torch.rand(size, length, 1, generator=generator(7, stream, length))
        return Batch(x, x.sum(1))

    def training_batch(self, n: int) -> Batch:
        return self.batch(self.batch_size, self.lengths[1], 10 + n)

    def prepare(self) -> None:
        self.validation = [self.batch(6, self.lengths[1], 0)]
        self.tests = {"in_distribution": [self.batch(6, self.lengths[1], 1)]}
        self.tests |= {self.name_of(cell): self.cell(*cell) for cell in self.test_cells}

    def cell(self, length: int) -> list[Batch]:
        return [self.batch(6, length, 2)]

    def steps_of(self, length: int) -> int:
        return length

    def example(self, length: int) -> Example:
        batch = self.batch(1, length, 3)
        mask = torch.zeros(1, length)
        return Example(self.name_of((length,)), f"{length} numbers", batch.x, batch.y, mask, {})

    def examples(self) -> list[Example]:
        return [self.example(length) for length in (self.lengths[1], *(cell[0] for cell in self.test_cells))]

    def probes(self):
        return {self.name_of(cell): [self.batch(3, *cell, 4)] for cell in self.test_cells}

    def needed_slots(self, batch) -> int:
        return 1


class Squares(Counter):
    """Square errors and near answers, summed over batches."""

    full_state_update = False

    def __init__(self):
        super().__init__(sync_on_compute=False)
        for name in ("squares", "near", "count"):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def update(self, output, batch):
        apart = output[:, -1] - batch.y
        self.squares += apart.square().sum()
        self.near += (apart.abs() < 0.5).sum()
        self.count += len(batch.y)

    def compute(self):
        error = float(self.squares / self.count)
        return {"square_error": error, "near": float(self.near / self.count), "loss": error}


class Regression(Objective):
    """Objective: mean square error of the output at the last step."""

    name = "regression"
    metrics = (
        Metric("square_error", more=False, worst=math.inf),
        Metric("near", more=True, worst=0.0, chance=0.25, about="share of sums that are less than a half off"),
        Metric("loss", more=False, worst=math.inf),
    )
    monitor, headline, reach = "near", "square_error", ("near", "square_error")
    picture, unit = "sums", "squares"

    def loss(self, output, batch, wanted=True, whole=None):
        apart = output[:, -1] - batch.y
        error = apart.square().mean()
        near = (apart.detach().abs() < 0.5).float().mean()
        return error, {"square_error": error.detach(), "near": near} if wanted else {}

    def counts(self, task):
        return Squares()

    def answer(self, example, output):
        said, right = float(output[0, -1]), float(example.y)
        asked = np.arange(len(output[0])) == len(output[0]) - 1
        target = np.where(asked[:, None], right, 0.0)
        verdict = f"output {said:.1f}, target {right:.1f}"
        return Answer(example.title, example.x[0].numpy(), output[0].numpy(), target, asked, None, None, verdict)

    def draw(self, answers, cmap):
        figure = Figure(figsize=(2, 2))
        figure.subplots().plot([one.y[-1, 0] for one in answers])
        return figure


YAML = """
name: sums
_target_: tests.commands.test_new_objective.Sums
min_length: 2
max_length: 4
batch_size: ${task.recipe.batch_size}
test_cells: [[5], [7]]
recipe: {batch_size: 3, lr: 1.0e-2, clip_norm: 1.0, weight_decay: 0.0,
         warmup: 0.0, final: 1.0, max_steps: 1, validate_every: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of one update: only training shows that trainer, callbacks and final test work with the task."""
    top = tmp_path_factory.mktemp("sums")
    (top / "conf" / "task").mkdir(parents=True)
    (top / "conf" / "task" / "sums.yaml").write_text(YAML)
    lines = [f"hydra.searchpath=[file://{top / 'conf'}]", "model=lstm", "model.hidden_size=3", "task=sums"]
    lines += ["logger=csv", "trainer.enable_progress_bar=false"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OBJECTIVES, "regression", Regression())
        with initialize_config_dir(CONF, version_base="1.3"):
            cfg = keys.resolve(compose("train", lines))
        train(cfg, top / "runs" / "a")
    return top / "runs" / "a"


@pytest.fixture(autouse=True)
def regression(monkeypatch):
    """Register the objective, as one line of `src.lit.objectives` would."""
    monkeypatch.setitem(OBJECTIVES, "regression", Regression())


def test_a_run_writes_the_metrics_of_the_objective(folder):
    metrics = written(folder)
    assert (metrics["status"], metrics["error"], metrics["solved"]) == ("finished", None, False)
    assert set(metrics["validation"]) == {"update", "square_error", "near", "loss"}
    assert set(metrics["test"]) == {"in_distribution", "5", "7"}
    run = load_run(folder)
    run.task.setup()
    (batch,) = run.task.tests["7"]
    with torch.no_grad():
        apart = run.model(batch.x)[0][:, -1] - batch.y
    assert metrics["test"]["7"]["square_error"] == pytest.approx(apart.square().mean().item())
    assert metrics["test"]["7"]["near"] == pytest.approx((apart.abs() < 0.5).float().mean().item())
    with (folder / "history.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row)[6:] == ["square_error", "near", "loss"]
    assert float(row["near"]) == metrics["validation"]["near"]
    assert float(row["train_loss"]) > 0
    figures = {path.stem for path in (folder / "figures").iterdir()}
    assert figures == {"sums", "learning_curves"}
    assert objective_value(metrics) == 1.0 - metrics["validation"]["near"]
    logged = "".join(path.read_text() for path in folder.rglob("metrics.csv"))
    for tag in ("train/near", "validation/near", "generalisation/5/near", "test/7/square_error"):
        assert tag in logged


def test_a_run_can_be_evaluated_on_other_test_cells(folder, tmp_path):
    run = shutil.copytree(folder, tmp_path / "run")
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = keys.resolve(compose("evaluate", [f"run={run}", "test_cells=[[9]]", "+grid.lengths=[3,2]"]))
    tested = evaluate.evaluate(cfg)["test"]
    assert set(tested) == {"in_distribution", "9", "2", "3"}
    assert set(tested["9"]) == {"square_error", "near", "loss"}
    assert (run / "figures" / "evaluation_sums.png").exists()
    with pytest.raises(
        build.ConfigError,
        match=r"^grid\.repeats=\[1\]: unknown key 'grid\.repeats'; must be under grid one of lengths$",
    ):
        evaluation.read_request(cfg | {"grid": {"repeats": [1]}}, RunFolder(run).read_config()["task"])


def made_up_runs(folder, top):
    """Copies of the run with made-up results: the second has better metrics, the third, a gru, has diverged."""
    for name, model, seed, near, error in (
        ("a", "lstm", 0, 0.5, 4.0),
        ("b", "lstm", 1, 0.75, 2.0),
        ("c", "gru", 0, 0, 0),
    ):
        run = shutil.copytree(folder, top / name)
        cfg = RunFolder(run).read_config()
        cfg["model"]["name"], cfg["seed"] = model, seed
        (run / "config.yaml").write_text(json.dumps(cfg))
        metrics = written(run) | {"model": model, "seed": seed}
        for test in (metrics["validation"], *metrics["test"].values()):
            test.update(near=near, square_error=error)
        if model == "gru":
            metrics |= {"status": "diverged", "validation": {}, "test": {}}
        write_json(run / "metrics.json", metrics)
    return top


def test_a_report_uses_the_direction_of_each_metric(folder, tmp_path):
    top, out = made_up_runs(folder, tmp_path / "runs"), tmp_path / "report"

    def request(*lines):
        with initialize_config_dir(CONF, version_base="1.3"):
            return read_request(keys.resolve(compose("report", list(lines))))

    asked = request(f"runs={top}", f"out={out}", "pictures=true")
    assert publication.make(asked, publication.collect(asked)) == []
    page = (out / "report.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line[:1] == "|"]

    def rows(first, header):
        at = next(n for n, line in enumerate(lines) if line[0] == first and header in line)
        found = []
        for line in lines[at + 2 :]:
            if len(line) != len(lines[at]):
                break
            found.append(dict(zip(lines[at], line, strict=True)))
        return found

    models = rows("model", "diverged")
    assert [row["model"] for row in models] == ["lstm", "gru"]
    # A diverged run counts as the worst value, which depends on the direction of the metric.
    assert [row["square error in distribution: IQM [95 %]"] for row in models] == ["3.0", "∞"]
    assert [row["near 5: IQM [95 %]"] for row in models] == ["0.625", "0"]
    every = {(row["model"], row["test"]): row for row in rows("model", "near: mean")}
    assert every["lstm", "5"]["best"] == "0.750"
    assert every["lstm", "5"]["worst"] == "0.500"
    assert every["lstm", "5"]["best of square error"] == "2.0"
    assert "Near: share of sums that are less than a half off, 0.25 for guessing." in page
    assert "Solved" not in page
    assert "solved" not in models[0]
    # The report is drawn again from its own files, without the runs.
    shutil.rmtree(top)
    before = page, json.loads((out / "report.json").read_text())
    publication.rebuild(request(f"runs={out / 'runs.csv'}"))
    assert ((out / "report.md").read_text(), json.loads((out / "report.json").read_text())) == before


def test_sweeps_and_studies_know_the_objective(folder, tmp_path):
    assert recognised(written(folder)["validation"]).name == "regression"
    job = tmp_path / "sweep" / "job"
    shutil.copytree(folder, job)
    write_json(job.parent / "sweep.json", {"overrides": [], "jobs": [{"folder": "job", "overrides": []}]})
    assert f"square_error {written(folder)['validation']['square_error']:.4g}" in sweep.summary(job.parent)
    tuning = {"metric": "nothing", "sweeps": {}, "write": "sums"}
    with pytest.raises(build.ConfigError, match=r"must be one of accuracy, bits, error_bits, square_error$"):
        plan._tuning(tuning, tmp_path, tmp_path)


def test_an_answer_can_be_replayed(folder):
    run = load_run(folder)
    learner = build.build_learner(run.config, run.task, run.model)
    example = run.task.example(6)
    recording = record(learner, example, "a run")
    assert recording.verdict.startswith("output ")
    assert np.array_equal(recording.y, trace(learner, example)[0][0])
    assert (recording.x_names, recording.y_names) == (["1"], ["1"])
