"""Command line of src.train: resume, sweeps, dry runs, and refusals."""

import shutil
import sys
from pathlib import Path

import pytest

from src.common.files import write_json
from src.launch import basic, job, joblib, sweep
from src.launch import command as whole_command
from src.run import lock
from src.settings import cli
from src.settings.errors import ConfigError
from tests.helpers import small, train_small, written


@pytest.fixture
def command(monkeypatch, tmp_path_factory, capsys, unchecked_types):
    """Run a command line without running jobs; returns exit code, output, and the jobs that would be run."""

    def run(*arguments):
        given = []
        monkeypatch.chdir(tmp_path_factory.mktemp("here"))
        monkeypatch.setattr(sys, "argv", ["src.train", *arguments])
        monkeypatch.setattr(job, "run_single", lambda one, checked: given.append([one]))
        for launcher in (basic, joblib):
            monkeypatch.setattr(launcher, "launch", lambda jobs, folder: given.append(jobs) or 0)
        try:
            whole_command.command()
            code = 0
        except SystemExit as end:
            code = end.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err, given[0] if given else None

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("a b") / "it's=1,2"
    train_small(folder, "trainer.max_steps=2", model="lstm")
    return folder


@pytest.fixture
def begun(command, tmp_path):
    """The folder of a sweep that has been begun, but whose jobs have not."""
    folder = tmp_path / "sweep"
    assert command("-m", *small(f"hydra.sweep.dir={folder}", model="lstm"), "seed=0,1")[0] == 0
    return folder


def refusal(printed):
    code, text, given = printed
    assert (code, given, text.count("\n")) == (2, None, 1)
    return text.removeprefix("error: ").rstrip()


def test_a_run_is_resumed_in_a_folder_with_special_characters(command, trained):
    code, _, given = command(f"resume={cli.quoted(trained)}", "trainer.max_steps=5", "logger=csv")
    assert code == 0
    assert given[0].overrides[1:3] == ["trainer.max_steps=5", "logger=csv"]
    assert given[0].folder == trained


@pytest.mark.parametrize(
    "override", ["seed=3", "model=ntm", "+model.foo=1", "hydra.run.dir=x", "~callbacks.pictures"]
)
def test_settings_that_cannot_be_changed_on_resume(command, trained, override):
    text = "cannot be changed when a run is resumed; must be left out, as all but "
    expected = f"{override}: {text}logger, trainer.enable_progress_bar, trainer.max_steps"
    assert refusal(command(f"resume={cli.quoted(trained)}", override)) == expected


def test_runs_that_cannot_be_resumed(command, trained, tmp_path):
    here = f"resume={cli.quoted(trained)}"
    assert "is finished; to resume it, trainer.max_steps must be above 2" in refusal(command(here))
    assert refusal(command(here, "trainer.max_steps=1")) == "trainer.max_steps=1: must be at least the run's own 2"
    assert "must be an integer of at least 1" in refusal(command(here, "trainer.max_steps=2.5"))
    unknown = command(here, "logger=nope", "trainer.max_steps=9")
    assert refusal(unknown).startswith("logger='nope': unknown logger; must be one of csv, ")
    assert refusal(command(f"resume={tmp_path}/nothing")).startswith(
        f"resume='{tmp_path}/nothing': no such folder"
    )
    assert refusal(command(f"resume={tmp_path}")).startswith(f"resume='{tmp_path}': holds no config.yaml")
    text = "is not the folder of a sweep, one that holds sweep.json"
    assert refusal(command(here, "retry_failed=true")).endswith(text)
    assert refusal(command("-m", here)).endswith(text)
    assert refusal(command("retry_failed=true")) == (
        "retry_failed=True: goes with resume=<folder of a sweep> alone; must be false here"
    )
    assert refusal(command("retry_failed=3")) == "retry_failed=3: must be true or false"
    assert refusal(command("dry_run=3")) == "dry_run=3: must be true or false"
    for line in ("resume=a,b", "dry_run=false,true", "retry_failed=true,false"):
        assert refusal(command("-m", line)) == f"{line}: must be one value, for the command as a whole"
    text = "must be one value when a run is resumed"
    assert refusal(command(here, "trainer.max_steps=5,6")) == f"trainer.max_steps=5,6: {text}"
    assert refusal(command(here, "~logger")) == (
        "~logger: cannot be changed when a run is resumed; must be left out, as all but "
        "logger, trainer.enable_progress_bar, trainer.max_steps"
    )
    assert refusal(command("resume=''")) == "resume='': must be the folder of a run or of a sweep"
    for key in ("resume", "retry_failed", "dry_run"):
        assert refusal(command(f"~{key}")) == f"~{key}: cannot be left out; must be null or false"
    with lock.held(trained):
        text = "is running now; must be a run that has stopped"
        assert refusal(command(here, "trainer.max_steps=9")).endswith(text)
        assert "holds a run already; must be a new folder, or " in refusal(
            command(*small(f"hydra.run.dir={cli.quoted(trained)}", model="lstm"))
        )


def test_a_damaged_run_is_refused(command, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    (folder / "metrics.json").unlink()
    for name in ("best", "last"):
        (folder / "checkpoints" / f"{name}.ckpt").write_bytes(b"no")
    assert "checkpoints/last.ckpt is damaged; checkpoints/best.ckpt is damaged" in refusal(
        command(f"resume={folder}")
    )
    (folder / "config.yaml").write_text("run_format: 1\nmodel: {")
    assert refusal(command(f"resume={folder}")).startswith(f"resume='{folder}': config.yaml is damaged")


def test_a_sweep_writes_sweep_json_and_one_folder_for_all_jobs(command):
    code, text, given = command("-m", *small(model="lstm"), "seed=0,1")
    assert code == 0
    assert [one.config.seed for one in given] == [0, 1]
    (folder,) = {one.whole().hydra.sweep.dir for one in given}
    assert Path(folder) == given[0].sweep.absolute()
    assert Path(folder).parts[-3:-1] == ("outputs", "sweeps")
    assert "waiting" in text
    assert f"0 of 2 done: outputs/sweeps/{Path(folder).name}" in text


def test_a_resumed_sweep_has_the_settings_it_was_begun_with(command, begun):
    before = sweep.read(begun)
    assert [job["folder"] for job in before["jobs"]] == ["0_repeat_copy_lstm_seed0", "1_repeat_copy_lstm_seed1"]
    code, _, given = command(f"resume={begun}", "retry_failed=true", "logger=csv")
    assert code == 0
    assert [(one.config.model.name, one.config.seed) for one in given] == [("lstm", 0), ("lstm", 1)]
    assert {(*one.config.logger, one.config.retry_failed) for one in given} == {("csv", True)}
    assert [one.folder.name for one in given] == [job["folder"] for job in before["jobs"]]
    assert sweep.read(begun) == before


def test_sweeps_that_cannot_be_resumed(command, begun, monkeypatch):
    text = (
        "cannot be changed when a run is resumed; must be left out, as all but logger, trainer.enable_progress_bar"
    )
    assert refusal(command(f"resume={begun}", "trainer.max_steps=5")) == f"trainer.max_steps=5: {text}"
    again = command("-m", *small(f"hydra.sweep.dir={begun}", model="lstm"), "seed=0,1")
    assert "holds a sweep already; must be a new folder, or resume=" in refusal(again)
    shared = command("-m", *small(f"hydra.sweep.dir={begun}x", "hydra.sweep.subdir=one", model="lstm"), "seed=0,1")
    assert "hydra.sweep.subdir: gives several jobs the folder" in refusal(shared)
    content = sweep.read(begun)
    content["jobs"][0]["folder"] = "other"
    write_json(begun / "sweep.json", content)
    assert "has the jobs other, 1_repeat_copy_lstm_seed1; with conf/ as it is now they would be 0_" in refusal(
        command(f"resume={begun}")
    )
    (begun / "sweep.json").write_text("{")
    assert "sweep.json is damaged" in refusal(command(f"resume={begun}"))


def test_job_names_with_subfolders(command, tmp_path):
    subdir = "hydra.sweep.subdir=${model.name}/${seed}"
    sizes = [one for one in small(model="lstm") if not one.startswith("model")]
    command("-m", *sizes, "model=lstm,gru", "seed=0,1", subdir, f"hydra.sweep.dir={tmp_path}/s")
    assert [job["folder"] for job in sweep.read(tmp_path / "s")["jobs"]] == ["lstm/0", "lstm/1", "gru/0", "gru/1"]
    assert command(f"resume={tmp_path}/s")[0] == 0


def test_a_dry_run_of_a_resumed_sweep_lists_the_jobs_that_are_not_done(command, begun):
    code, text, given = command(f"resume={begun}", "dry_run=true")
    assert (code, given, "2 jobs, 1 at a time" in text) == (0, None, True)
    (begun / "0_repeat_copy_lstm_seed0").mkdir()
    write_json(begun / "0_repeat_copy_lstm_seed0" / "metrics.json", {"status": "finished"})
    assert "1 job, 1 at a time" in command(f"resume={begun}", "dry_run=true")[1]
    (begun / "1_repeat_copy_lstm_seed1").mkdir()
    write_json(begun / "1_repeat_copy_lstm_seed1" / "metrics.json", {"status": "diverged"})
    assert command(f"resume={begun}", "dry_run=true") == (0, "Nothing is left to do.\n", None)
    write_json(begun / "1_repeat_copy_lstm_seed1" / "metrics.json", {"status": "failed"})
    assert command(f"resume={begun}", "dry_run=true") == (0, "Nothing is left to do.\n", None)
    assert "1 job, 1 at a time" in command(f"resume={begun}", "dry_run=true", "retry_failed=true")[1]


def test_the_name_of_the_folder_of_a_sweep_may_be_a_number(command, begun, monkeypatch):
    folder = begun.rename(begun.parent / "7")
    change = monkeypatch.chdir
    monkeypatch.setattr(monkeypatch, "chdir", lambda _: change(folder.parent))
    assert command("resume=7")[0] == 0


def test_a_sweep_that_is_running_on_a_cluster_is_not_resumed(command, begun):
    with lock.held(begun):
        text = f"resume='{begun}': is running now; must be a sweep that has stopped"
        assert refusal(command(f"resume={begun}")) == text
    assert command(f"resume={begun}")[0] == 0


def test_a_dry_run_of_a_resumed_run_uses_the_settings_of_the_run(command, trained):
    here = f"resume={cli.quoted(trained)}"
    code, text, given = command(here, "dry_run=true", "trainer.max_steps=900000")
    assert (code, given, "1 job, 1 at a time: about " in text) == (0, None, True)
    assert " min " in text or " h " in text or " d " in text
    assert "is finished" in refusal(command(here, "dry_run=true"))


def test_a_dry_run_of_a_resumed_run_needs_no_initial_weights(command, trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    with (folder / "config.yaml").open("a") as file:
        file.write("init_from: /nowhere\n")
    code, text, _ = command(f"resume={folder}", "dry_run=true", "trainer.max_steps=900000")
    assert (code, "would be refused" in text) == (0, False)


def test_the_batch_size_of_joblib_is_one_by_default(command):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    code, _, given = command("-m", *small(model="lstm"), "seed=0,1", "hydra/launcher=joblib")
    assert (code, given[0].launcher["batch_size"]) == (0, "1")
    _, _, given = command(
        "-m", *small(model="lstm"), "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.batch_size=4"
    )
    assert given[0].launcher["batch_size"] == "4"


@pytest.mark.parametrize(
    ("workers", "text"),
    [
        ("0", "hydra.launcher.n_jobs=0: must be an integer, -1 for one a core, but not 0"),
        (
            "2.5",
            "Error merging override hydra.launcher.n_jobs=2.5: Value '2.5' of type 'float' could not be converted",
        ),
    ],
)
def test_an_invalid_number_of_workers(command, workers, text):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    printed = refusal(command("-m", "seed=0,1", "hydra/launcher=joblib", f"hydra.launcher.n_jobs={workers}"))
    assert printed.startswith(text)


def test_settings_that_a_launcher_does_not_take(command):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    line = ("-m", "seed=0,1", "hydra/launcher=joblib")
    printed = refusal(command(*line, "hydra.launcher.prefer=zzz"))
    assert printed.startswith("hydra.launcher: prefer=zzz is not a valid")
    assert printed.endswith("; must be settings of joblib.Parallel")
    assert refusal(command(*line, "+hydra.launcher.njobs=2")) == (
        "+hydra.launcher.njobs=2: unknown key 'hydra.launcher.njobs'; must be a setting of the launcher, all of "
        "which --cfg hydra -p hydra.launcher lists"
    )


def test_a_worker_of_joblib_that_was_killed_is_told_in_one_line(monkeypatch, tmp_path):
    """As when the memory is full."""
    parallel = pytest.importorskip("joblib")

    class Killed:
        def __init__(self, **_):
            pass

        def __call__(self, jobs):
            raise RuntimeError("A worker process was terminated.\nat length")

    monkeypatch.setattr(parallel, "Parallel", Killed)
    (one,) = cli.composed("train", ["hydra/launcher=joblib"], multirun=True)
    with pytest.raises(ConfigError) as refused:
        joblib.launch([one], tmp_path)
    assert str(refused.value) == (
        "a job was lost: A worker process was terminated.; the other jobs ended with it; resume runs the rest"
    )


def test_a_launcher_that_is_not_installed(command):
    text = "hydra/launcher='nope': unknown hydra/launcher; must be one of basic"
    assert refusal(command("-m", "seed=0,1", "hydra/launcher=nope")).startswith(text)


@pytest.mark.parametrize("arguments", [[], ["-m"]])
def test_a_dry_run_runs_nothing(command, arguments, tmp_path):
    code, text, given = command(*arguments, *small(model="lstm"), "dry_run=true", f"hydra.sweep.dir={tmp_path}/s")
    assert (code, given) == (0, None)
    assert "1 jobs" not in text
    assert "1 job, 1 at a time: about " in text
    assert not (tmp_path / "s").exists()


def test_a_run_resumed_by_a_command_line_in_a_process(tmp_path):
    """A process, since the test covers the way from the command line to the log of the run."""
    import subprocess

    from src.common.paths import CHECKOUT as ROOT

    folder = tmp_path / "run"
    train_small(folder, "trainer.max_steps=2", model="lstm")
    (folder / "train.log").write_text("before\n")
    command = [sys.executable, "-m", "src.train", f"resume={folder}", "trainer.max_steps=4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert written(folder)["updates"] == 4
    text = (folder / "train.log").read_text()
    assert text.startswith("before\n")
    assert "Resuming from update 2." in text


def test_ctrl_c_outside_of_training_ends_with_130(monkeypatch, tmp_path, unchecked_types):
    """While the final figures are drawn, for example; without a stack trace."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(job, "run_job", interrupted)
    monkeypatch.setattr(sys, "argv", ["src.train", *small(model="lstm")])
    with pytest.raises(SystemExit) as end:
        whole_command.command()
    assert end.value.code == 130


def test_ctrl_c_in_joblib_ends_with_130_and_the_summary(monkeypatch, tmp_path, capsys):
    """joblib raises KeyboardInterrupt in the process that waits for the workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["src.train", "-m", *small(model="lstm"), "seed=0,1"])

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(basic, "launch", interrupted)
    with pytest.raises(SystemExit) as end:
        whole_command.command()
    assert end.value.code == 130
    assert "0 of 2 done: " in capsys.readouterr().out


def test_unknown_launchers_and_sweepers_are_refused(command, tmp_path):
    """They would compose the jobs on their own, without the checks."""
    folder = tmp_path / "conf" / "hydra"
    for group in ("launcher", "sweeper"):
        (folder / group).mkdir(parents=True)
        (folder / group / "mine.yaml").write_text("_target_: mine.Own\n")
    given = ["-m", "seed=0,1", "--config-dir", str(folder.parent)]
    assert refusal(command(*given, "hydra/launcher=mine")) == (
        "hydra.launcher._target_='mine.Own': is no launcher of src.train; must be that of "
        "hydra/launcher=basic, joblib, submitit_local, submitit_slurm or ray"
    )
    text = "hydra/sweeper=mine: must be basic; src.search searches settings"
    assert refusal(command(*given, "hydra/sweeper=mine")) == text


def test_batches_of_jobs_one_after_another(command, monkeypatch):
    batches = []
    _, _, given = command("-m", *small(model="lstm"), "seed=0,1,2")
    monkeypatch.setattr(basic, "launch", lambda jobs, folder: batches.append(len(jobs)) or 0)
    line = ["-m", *small(model="lstm"), "seed=0,1,2", "hydra.sweeper.max_batch_size=2"]
    monkeypatch.setattr(sys, "argv", ["src.train", *line])
    whole_command.command()
    assert (len(given), batches) == (3, [2, 1])


def test_a_batch_with_a_failing_job_does_not_end_the_sweep(command, monkeypatch, capsys):
    batches = []

    def launch(jobs, folder):
        batches.append([one.number for one in jobs])
        if 0 in batches[-1]:
            raise ConfigError("job 0 is invalid")
        return 0

    command()
    monkeypatch.setattr(basic, "launch", launch)
    line = ["-m", *small(model="lstm"), "seed=0,1,2", "hydra.sweeper.max_batch_size=2"]
    monkeypatch.setattr(sys, "argv", ["src.train", *line])
    with pytest.raises(SystemExit) as end:
        whole_command.command()
    assert (batches, end.value.code) == ([[0, 1], [2]], 1)
    assert "error: job 0 is invalid" in capsys.readouterr().err


def test_a_stop_by_the_user_ends_a_sweep_in_batches(command, monkeypatch):
    batches = []
    command()
    monkeypatch.setattr(basic, "launch", lambda jobs, folder: batches.append(jobs) or 130)
    line = ["-m", *small(model="lstm"), "seed=0,1,2", "hydra.sweeper.max_batch_size=2"]
    monkeypatch.setattr(sys, "argv", ["src.train", *line])
    with pytest.raises(SystemExit) as end:
        whole_command.command()
    assert (len(batches), end.value.code) == (1, 130)


@pytest.mark.parametrize("size", [0, -1])
def test_batches_without_jobs_are_refused(command, size):
    key = f"hydra.sweeper.max_batch_size={size}"
    text = f"{key}: must be an integer of at least 1"
    assert refusal(command("-m", *small(model="lstm"), "seed=0,1", key)) == text
