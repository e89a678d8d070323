"""The remaining jobs of a sweep, and refusals of folders that hold another sweep."""

import subprocess

import pytest

from src.common.files import write_json
from src.common.paths import CHECKOUT as ROOT
from src.launch import sweep
from src.run import lock
from src.run.folder import RunFolder
from src.settings.cli import composed
from src.settings.errors import ConfigError
from src.settings.keys import resolve
from src.study.forecast import forecast
from src.study.plan import Sweep, read
from src.study.remaining import remaining
from src.study.sweeps import LaunchOptions, command, run_sweep
from tests.study.conftest import SIZES

OVERRIDES = ["model=mlp", "model.hidden_sizes=[8],[9]", *SIZES, "seed=0,1,2"]


@pytest.fixture
def begun(tmp_path):
    """A sweep of six jobs with sweep.json and configurations, of which none was run."""
    of = Sweep("runs", OVERRIDES, tmp_path / "sweep")
    jobs = composed("train", [*OVERRIDES, f"hydra.sweep.dir={of.folder}"], multirun=True)
    sweep.begin(of.folder, OVERRIDES, jobs)
    for job in jobs:
        job.folder.mkdir()
        RunFolder(job.folder).write_config(resolve(job.config), "a revision")
    return of


def sizes(configs):
    return [config["model"]["hidden_sizes"][0] for config in configs]


def test_all_jobs_of_a_new_sweep_remain(tmp_path):
    of = Sweep("runs", OVERRIDES, tmp_path / "sweep")
    assert sizes(remaining(of)) == [8, 8, 8, 9, 9, 9]
    assert len(remaining(of._replace(overrides=["model=lstm", "task=repeat_copy"]))) == 1
    with pytest.raises(ConfigError, match=r"^runs: model='nope': unknown model"):
        remaining(of._replace(overrides=["model=nope"]))
    assert not of.folder.exists()


def test_finished_and_diverged_jobs_do_not_remain(begun):
    for name, status in (("1_mnist1d_mlp_seed1", "finished"), ("3_mnist1d_mlp_seed0", "diverged"),
                         ("4_mnist1d_mlp_seed1", "failed"), ("5_mnist1d_mlp_seed2", "stopped")):  # fmt: skip
        write_json(begun.folder / name / "metrics.json", {"status": status})
    assert sizes(remaining(begun)) == [8, 8, 9]
    assert sizes(remaining(begun, retry_failed=True)) == [8, 8, 9, 9]


def test_the_order_of_overrides_and_the_logger_may_differ(begun):
    others = [one for one in OVERRIDES if not one.startswith(("logger", "trainer.enable"))]
    assert len(remaining(begun._replace(overrides=[*reversed(others), "logger=csv"]))) == 6


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (["seed=0,1,3"], "the study does not ask for 2_mnist1d_mlp_seed2"),
        (["seed=0,1,2,3"], "of 6 jobs"),
        (["model.hidden_sizes=[8],[7]"], "the study does not ask for 3_mnist1d_mlp_seed0"),
        (["trainer.max_steps=3"], "the study does not ask for 0_mnist1d_mlp_seed0"),
    ],
)
def test_a_folder_with_another_sweep_is_refused(begun, changed, text):
    keys = [one.partition("=")[0] for one in changed]
    others = [one for one in OVERRIDES if one.partition("=")[0] not in keys]
    with pytest.raises(ConfigError) as refusal:
        remaining(begun._replace(overrides=[*others, *changed]))
    expected = f"{begun.folder}: holds another sweep than the study asks for ({text}); must be moved away"
    assert str(refusal.value) == expected


def test_a_run_with_other_settings_is_refused(begun):
    """For example, when the experiment that the overrides name has changed."""
    folder = begun.folder / "3_mnist1d_mlp_seed0"
    config = RunFolder(folder).read_config()
    config["optimizer"]["lr"] = 0.5
    RunFolder(folder).write_config({key: config[key] for key in config if key not in ("run_format",)}, None)
    with pytest.raises(ConfigError) as refusal:
        remaining(begun)
    text = "was begun with optimizer.lr=0.5, and the study asks for 0.003"
    assert str(refusal.value) == f"{folder}: {text}; {begun.folder} must be moved away"


def test_a_run_with_a_section_in_place_of_a_value_is_refused(begun):
    folder = begun.folder / "3_mnist1d_mlp_seed0"
    config = RunFolder(folder).read_config()
    config["model"]["hidden_sizes"] = {"first": 8}
    RunFolder(folder).write_config({key: config[key] for key in config if key not in ("run_format",)}, None)
    with pytest.raises(ConfigError, match=r"was begun with model\.hidden_sizes={'first': 8}, and the study"):
        remaining(begun)


def test_command_lines(begun, tmp_path):
    new = Sweep("new", ["seed=0,1"], tmp_path / "it's")
    assert command(new, LaunchOptions(1, True)) == [
        "src.train", "-m", "seed=0,1", "hydra/launcher=basic", f"hydra.sweep.dir='{tmp_path}/it\\'s'",
    ]  # fmt: skip
    assert command(begun, LaunchOptions(4, False)) == [
        "src.train", f"resume='{begun.folder}'", "hydra/launcher=joblib", "hydra.launcher.n_jobs=4",
    ]  # fmt: skip
    assert command(begun, LaunchOptions(4, False, "ray"))[2:] == ["hydra/launcher=ray"]
    assert command(begun, LaunchOptions(1, True))[2:] == ["retry_failed=true", "hydra/launcher=basic"]


def test_failed_jobs_are_refused_before_any_run(begun):
    for job in sweep.statuses(begun.folder):
        status = {"status": "failed", "error": "no luck"} if "seed1" in job.folder.name else {"status": "finished"}
        write_json(job.folder / "metrics.json", status)
    with pytest.raises(ConfigError) as refusal:
        run_sweep(begun, LaunchOptions(1, False))
    assert str(refusal.value) == (
        f"runs: 2 failed, the first with: no luck; see {begun.folder}; fix that, then repeat the command with "
        "retry_failed=true"
    )


def test_a_sweep_that_another_process_runs_is_refused(begun):
    with (
        lock.held(begun.folder / "0_mnist1d_mlp_seed0"),
        pytest.raises(ConfigError, match=r": is being run by another process; must be left to end$"),
    ):
        run_sweep(begun, LaunchOptions(1, False))


def test_the_forecast_has_the_time_of_each_sweep_and_the_sum(begun, monkeypatch):
    from src.launch import estimate

    monkeypatch.setattr(estimate, "measure", lambda cfg, learner: (1.0, 0.0, 0))
    text = forecast({"a": remaining(begun), "none": [], "b": remaining(begun)[:1]}, workers=2)
    # Two updates and the overhead of a job, 8 s; three rounds of two jobs, and one job alone.
    assert [line.split() for line in text.splitlines() if line] == [
        ["sweep", "jobs", "time"], ["a", "6", "24", "s"], ["b", "1", "8", "s"],
        ["about", "32", "s", "with", "2", "workers"],
    ]  # fmt: skip
    assert forecast({"none": []}, 1) == "No jobs remain to train."
    wrong = remaining(begun)[0]
    wrong["trainer"]["max_steps"] = 0
    with pytest.raises(ConfigError, match=r"^a: trainer.max_steps=0: must be an integer of at least 1"):
        forecast({"a": [wrong]}, 1)


def test_runs_of_unfinished_studies_in_the_repository_can_be_resumed():
    """Their folders have the jobs, without paths of the machine that ran them, as the studies ask for them."""
    kept = subprocess.run(
        ["git", "ls-files", "outputs/studies"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {ROOT / line for line in kept.stdout.splitlines()}
    for folder in {file.parent for file in files if file.name == "metrics.json"}:
        assert folder.parent / "sweep.json" in files, folder
        content = sweep.read(folder.parent)
        assert folder.name in {job["folder"] for job in content["jobs"]}
        assert not [one for job in content["jobs"] for one in job["overrides"] if one.startswith("hydra.")]
    for name in {file.relative_to(ROOT / "outputs" / "studies").parts[0] for file in files}:
        study = read(resolve(composed("study", [f"study={name}"])[0].config))
        for of in (*study.sweeps.values(), *(study.tuning.sweeps.values() if study.tuning else ())):
            if of.folder.resolve() / "sweep.json" in files:
                remaining(of)
