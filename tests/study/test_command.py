"""Whole studies: tuned, chosen, run, evaluated and reported; stopped and resumed; nothing done twice."""

import copy
import os
import signal
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from src import evaluate
from src.common.paths import CHECKOUT as ROOT
from src.launch import sweep
from src.settings.errors import ConfigError
from src.settings.job import Job
from src.study import __main__ as command
from src.study import finish, sweeps
from src.study.finish import evaluated, request
from src.study.plan import read
from tests.helpers import refused, train_small, written
from tests.launch.test_sweep import ended, wait
from tests.study.conftest import SIZES, STUDY

#: The tiny study with runs that take about a second.
LONGER = OmegaConf.to_container(OmegaConf.create(STUDY))
for lines in (LONGER["tuning"]["common"], LONGER["sweeps"]["runs"]):
    lines[:] = [one.replace("max_steps=2", "max_steps=150").replace("every=1", "every=10") for one in lines]
LONGER["sweeps"]["runs"][-1] = "seed=0"
del LONGER["reports"]


@pytest.fixture
def run(tmp_path):
    """Start src.study as a subprocess."""
    (tmp_path / "conf" / "study").mkdir(parents=True, exist_ok=True)
    (tmp_path / "conf" / "study" / "tiny.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(LONGER)))
    where = [
        *("study=tiny", f"hydra.searchpath=[file://{tmp_path}/conf]", f"conf={tmp_path}/conf"),
        *(f"folder={tmp_path}/studies", f"published={tmp_path}/published"),
    ]

    def begin(*arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "src.study", *where, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    return begin


def statuses(folder):
    return [job.status for job in sweep.statuses(folder)]


def test_settings_that_do_not_suit_the_task_are_refused_before_the_forecast(settings, capsys):
    content = copy.deepcopy(STUDY)
    content["tuning"]["metric"] = "error_bits"
    refused(
        "tuning.metric='error_bits': tuning/mlp is on mnist1d, which has no such metric; must be accuracy there",
        command.study, settings(content, dry_run=True),
    )  # fmt: skip
    content = copy.deepcopy(STUDY) | {"sweeps": {"runs": ["model=mlp", *SIZES, "seed=0,1"]}}
    content["evaluate"]["runs"] = ["grid.lengths=[1]"]
    refused(
        "evaluate.runs: grid.lengths=[1]: is for runs on a task with test cells, as repeat_copy has; must be left "
        "out on mnist1d",
        command.study, settings(content, dry_run=True),
    )  # fmt: skip
    content["sweeps"] = {"runs": ["model=lstm", "task=mqar", "task.vocabulary=64", "seed=0,1"]}
    for asked, text in (
        (["grid.pairs=[33]", "grid.lengths=[100]"], "grid.pairs=33: must be at most half of vocabulary=64"),
        (["test_cells=[[40,128]]"], "test_cells[0][0]=40: must be at most half of vocabulary=64"),
    ):
        content["evaluate"]["runs"] = asked
        refused(f"evaluate.runs: {text}", command.study, settings(content, dry_run=True))
    assert "about" not in capsys.readouterr().out


def test_a_stopped_study_is_resumed_and_nothing_is_done_twice(run, settings, tmp_path, monkeypatch, capsys):
    tuning, main = (tmp_path / "studies" / "tiny" / name for name in ("tuning/mlp", "runs"))
    process = run("workers=1")
    wait(lambda: list(tuning.glob("1_*/checkpoints/last.ckpt")))
    process.send_signal(signal.SIGINT)
    code, output = ended(process)
    assert code == 130, output
    assert statuses(tuning)[0] == "finished"
    assert "waiting" in statuses(tuning)
    assert not main.exists()
    assert "runs: estimated after the choice" in output
    assert output.splitlines()[-1].startswith("stopped; to resume: python -m src.study study=tiny ")
    assert output.splitlines()[-1].endswith(" workers=1")
    first = written(tuning / "0_mnist1d_mlp_seed201")

    code, output = ended(run("workers=1"))
    assert code == 0, output
    assert statuses(tuning) == ["finished"] * 4
    assert written(tuning / "0_mnist1d_mlp_seed201") == first
    assert statuses(main) == ["finished"]
    chosen = written(main / "0_mnist1d_mlp_seed0")
    experiment = (tmp_path / "conf" / "experiment" / "tiny" / "mlp.yaml").read_text()
    assert f"  - {8 if chosen['parameters'] == 258 else 9}\n" in experiment
    assert written(main / "0_mnist1d_mlp_seed0", "evaluation.json")["test"] == chosen["test"]

    # Given once more, the command does nothing again.
    monkeypatch.setattr(sweeps, "run_module", lambda arguments: pytest.fail(f"ran {arguments}"))
    monkeypatch.setattr(evaluate, "evaluate", lambda cfg: pytest.fail(f"evaluated {cfg}"))
    command.study(settings(LONGER))
    printed = capsys.readouterr().out
    assert "No jobs remain to train." in printed
    assert "runs: no jobs remain" in printed


def test_a_dry_run_writes_nothing(settings, tmp_path, capsys):
    command.study(settings(dry_run=True, workers=2))
    assert [path.name for path in tmp_path.rglob("*")] == ["conf"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].split()[:2] == ["tuning/mlp", "4"]
    assert printed[4].endswith(" s with 2 workers")
    assert printed[-1] == "runs: estimated after the choice"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"workers": 0}, "workers=0: must be an integer of at least 1"),
        ({"launcher": "nope"}, "hydra/launcher='nope': unknown hydra/launcher; must be one of basic"),
        ({"only": "nope"}, "only='nope': must be one of tune, run, evaluate, report"),
        ({"dry_run": 3}, "dry_run=3: must be true or false"),
        ({"retry_failed": 3}, "retry_failed=3: must be true or false"),
        ({"only": "run"}, "runs: its settings are not chosen yet; only=tune chooses them"),
        ({"conf": "nowhere"}, "conf='nowhere': must be a folder"),
        ({"only": "report"}, "reports: table waits for runs (not begun)"),
    ],
)
def test_invalid_settings_are_refused(settings, tmp_path, changes, text):
    with pytest.raises(ConfigError) as refusal:
        command.study(settings(**changes))
    assert str(refusal.value).startswith(text)
    assert [path.name for path in tmp_path.rglob("*")] == ["conf"]


def test_workers_need_joblib(settings, monkeypatch):
    monkeypatch.setattr(command.importlib.metadata, "distributions", lambda name: [])
    with pytest.raises(ConfigError) as refusal:
        command.refuse(settings(workers=2))
    assert str(refusal.value) == "workers=2: needs joblib, which `make parallel` installs; must be 1 without"
    command.refuse(settings(workers=1))


def test_a_stage_that_the_study_lacks_is_refused(settings):
    content = {key: STUDY[key] for key in ("name", "about")} | {"sweeps": {"runs": ["seed=0"]}}
    with pytest.raises(ConfigError) as refusal:
        command.refuse(settings(content, only="tune"))
    assert str(refusal.value) == "only='tune': must be one of run"


def test_a_sweep_that_ends_with_a_failed_job_ends_the_study(settings, tmp_path, capfd):
    content = {**STUDY, "sweeps": {"runs": [*STUDY["tuning"]["common"][:-1], "model=mlp", "seed=3"]}}
    content = {key: content[key] for key in ("name", "about", "sweeps")}
    blocked = tmp_path / "studies" / "tiny" / "runs" / "0_mnist1d_mlp_seed3"
    blocked.mkdir(parents=True)
    (blocked / "checkpoints").write_text("in the way")
    with pytest.raises(ConfigError, match=r"^runs: 1 failed, the first with: .*; see .*retry_failed=true$"):
        command.study(settings(content))
    (blocked / "checkpoints").unlink()
    command.study(settings(content, retry_failed=True))
    assert statuses(blocked.parent) == ["finished"]


@pytest.fixture
def ran(settings, tmp_path):
    """A plan whose main sweep has a finished, a diverged and a waiting job."""
    plan = read(settings())
    folder = plan.sweeps["runs"].folder
    jobs = [
        Job({}, [f"seed={n}"], folder / name, folder, {})
        for n, name in enumerate(["finished", "diverged", "waiting"])
    ]
    sweep.begin(folder, ["seed=0,1,2"], jobs)
    train_small(folder / "finished", model="mlp", task="mnist1d")
    (folder / "diverged").mkdir()
    (folder / "diverged" / "metrics.json").write_text('{"status": "diverged"}')
    return plan


def test_finished_runs_are_evaluated_once(ran, monkeypatch):
    folder = ran.sweeps["runs"].folder
    assert [cfg["run"] for cfg in finish.to_evaluate(ran, ["runs"])] == [str(folder / "finished")]
    finish.evaluate_finished(ran)
    assert finish.to_evaluate(ran, ["runs"]) == []
    assert len(finish.to_evaluate(ran._replace(evaluate={"runs": ["checkpoint=last"]}), ["runs"])) == 1
    (folder / "finished" / "evaluation.json").write_text("{")
    assert len(finish.to_evaluate(ran, ["runs"])) == 1


def test_runs_are_evaluated_by_several_workers(ran):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="sequential"):  # other processes take seconds to start
        finish.evaluate_finished(ran, workers=2)
    assert finish.to_evaluate(ran, ["runs"]) == []


def test_an_evaluation_with_other_settings_does_not_count(tmp_path):
    folder = tmp_path / "run"
    train_small(folder)
    grid = ["grid.lengths=[3,1]", "grid.repeats=[2]"]
    evaluate.evaluate(request(folder, grid))
    assert evaluated(folder, request(folder, grid))
    assert evaluated(folder, request(folder, [*grid, "test_cells=[[3,4]]"]))
    for other in (
        [],
        ["grid.lengths=[3]", "grid.repeats=[2]"],
        [*grid, "test_cells=[[3,1]]"],
        [*grid, "memory_slots=9"],
        [*grid, "prolong=2"],
    ):
        assert not evaluated(folder, request(folder, other)), other
    for without_grid in (["memory_slots=9"], []):
        evaluate.evaluate(request(folder, without_grid))
        assert evaluated(folder, request(folder, without_grid)), without_grid


def test_a_report_waits_until_all_runs_are_done_and_evaluated(ran, tmp_path, monkeypatch):
    asked = []

    def made(arguments):
        asked.append(arguments)
        (tmp_path / "published" / "table").mkdir(parents=True)
        return 0

    monkeypatch.setattr(finish, "run_module", made)
    with pytest.raises(ConfigError) as refusal:
        finish.publish(ran, tmp_path / "published")
    assert str(refusal.value) == "reports: table waits for runs (2 of 3 jobs done)"
    folder = ran.sweeps["runs"].folder
    (folder / "waiting").mkdir()
    (folder / "waiting" / "metrics.json").write_text('{"status": "diverged"}')
    with pytest.raises(ConfigError, match=r"table waits for runs \(1 runs to evaluate\)"):
        finish.publish(ran, tmp_path / "published")
    assert not asked
    finish.evaluate_finished(ran)
    (ran.folder / "tuning.csv").write_text("model\n")
    finish.publish(ran, tmp_path / "published")
    assert asked == [[
        "src.report", f"runs=['{folder}']", f"out='{tmp_path}/published/table'",
        r"title='a tiny network, it\'s small'", "command='make tiny'", f"tuning='{ran.folder}/tuning.csv'",
        "pictures=false",
    ]]  # fmt: skip
    other = finish.StudyReport("another", ["runs"], [])
    both = ran._replace(reports={**ran.reports, "other": other})
    monkeypatch.setattr(finish, "run_module", lambda arguments: 1)
    text = "reports: table: src.report ended with exit code 1; other: src.report ended with exit code 1"
    with pytest.raises(ConfigError, match=f"^{text}$"):  # one that fails does not stop the next
        finish.publish(both, tmp_path / "published")
