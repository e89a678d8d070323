"""Training runs: the files they write, how they end, and reproducibility by seed."""

import csv
import signal

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from src.callbacks import interrupt as interrupt_module
from src.callbacks.history import History
from src.callbacks.interrupt import Interrupt, Stop
from src.common.files import write_whole
from src.figures.style import Figure
from src.launch.job import print_outcome
from src.lit import unusable_gradients
from src.lit.learner import Learner
from src.run import final_evaluation, finalize
from src.settings.errors import ConfigError
from src.tasks.repeat_copy import RepeatCopy
from src.train import resume, train
from tests.helpers import AT_ONCE, compose_train, small, train_small, written

FILES = ("checkpoints/best.ckpt", "checkpoints/last.ckpt", "config.yaml", "history.csv", "metrics.json")
METRICS = ["status", "cause", "recoverable", "error", "model", "task", "seed", "parameters", "state_size"]
METRICS += [
    "engine",
    "updates",
    "sequences",
    "seconds",
    "unusable_gradients",
    "solved",
    "sequences_to_solve",
    "seconds_to_solve",
]
METRICS += ["validation", "test", "baselines", "git_revision", "versions"]
BITS = {"bits", "error_bits", "payload_error", "end_error", "end_exact", "exact", "loss"}
BITS |= {"shifted", "lost", "end_early", "end_late", "end_at"}
MODELS = ("lstm", "gru", "ntm", "dms_ntm")
PAIRS = [(model, task) for task in ("repeat_copy", "mnist1d") for model in MODELS]
PAIRS += [(model, "mnist1d") for model in AT_ONCE] + [("mlp", "mnist1d_seed"), ("dms_ntm", "mnist1d_seed")]
PAIRS += [("dms_ntm", "copy")]
#: Models whose figures differ from those of the others.
DRAWN = ("lstm", "ntm", "dms_ntm")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the outcome of a run of a single update, with the default logger."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    return folder, train_small(folder, "logger=tensorboard")


@pytest.fixture
def at_update(monkeypatch):
    """Change the loss of one update: at_update(3, loss -> loss)."""

    def spoil(update, change):
        loss_and_metrics, calls = Learner.loss_and_metrics, []

        def changed(self, batch, wanted=True):
            calls.append(batch)
            loss, metrics = loss_and_metrics(self, batch, wanted)
            return (change(loss) if len(calls) == update else loss), metrics

        monkeypatch.setattr(Learner, "loss_and_metrics", changed)

    return spoil


def weights(folder, name="best"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.drawn
def test_a_run_of_a_single_update_writes_all_files(whole):
    folder, outcome = whole
    figures = {path.stem for path in (folder / "figures").glob("*.png")}
    assert all((folder / name).stat().st_size > 0 for name in FILES)
    assert {"target_output", "memory", "head_weights", "learning_curves", "addressing_examples"} <= figures
    (row,) = history(folder)
    assert (row["update"], row["sequences"]) == ("1", "4")
    assert float(row["bits"]) == outcome.metrics["validation"]["bits"]
    assert not list(folder.glob(".*.part"))


def test_metrics_json_describes_the_run(whole):
    folder, outcome = whole
    metrics = written(folder)
    assert list(metrics) == METRICS
    assert metrics == outcome.metrics
    network = outcome.learner.network
    expected = {"status": "finished", "model": "dms_ntm", "task": "repeat_copy", "seed": 0, "engine": "fused"}
    expected |= {"parameters": sum(p.numel() for p in network.parameters()), "updates": 1, "sequences": 4}
    # Hidden and cell state of 8, 8 slots of 5, two weightings over 8 slots, one read of 5.
    expected |= {"state_size": 8 + 8 + 8 * 5 + 2 * 8 + 5, "error": None}
    expected |= {"cause": "steps", "recoverable": False}
    expected |= {"solved": False, "sequences_to_solve": None, "seconds_to_solve": None}
    assert {key: metrics[key] for key in expected} == expected
    assert set(metrics["validation"]) == BITS | {"update"}
    assert {name: set(one) for name, one in metrics["test"].items()} == {
        "in_distribution": BITS | {"memory_slots"},
        "3x4": BITS | {"memory_slots"},
    }
    assert 0 < metrics["seconds"] < 60
    assert {"python", "torch", "lightning", "hydra-core"} <= set(metrics["versions"])


def test_config_is_resolved_and_complete(whole):
    text = (whole[0] / "config.yaml").read_text()
    assert "${" not in text
    assert all(f"\n{key}:" in text for key in ("model", "task", "optimizer", "schedule", "trainer", "seed"))


def test_tensorboard_has_the_scalars_pictures_and_hyperparameters(whole):
    events = EventAccumulator(str(whole[0])).Reload()
    scalars = set(events.Tags()["scalars"])
    heads = {f"heads/{kind} head/{what}" for kind in ("read", "write") for what in ("sigma", "width", "position")}
    other_lengths = {"generalisation/3x4/payload_error", "generalisation/3x4/end_exact"}
    train = {f"train/{name}" for name in ("loss", "error_bits", "payload_error", "end_error")}
    other = {"optimizer/lr", "optimizer/gradient_norm", "speed/sequences_per_second"}
    tested = {f"test/3x4/{name}" for name in BITS}
    assert heads | train | other | tested | other_lengths | {f"validation/{name}" for name in BITS} <= scalars
    assert set(events.Tags()["images"]) == {"target_output", "memory"}
    chosen = HParamsPluginData.FromString(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    assert chosen.session_start_info.hparams["model"].string_value == "dms_ntm"
    last = events.Scalars("final/validation error bits")[0].value
    assert last == pytest.approx(whole[1].metrics["validation"]["error_bits"])


@pytest.mark.parametrize(
    ("model", "task"),
    [pytest.param(*pair, marks=[pytest.mark.drawn] if pair[0] in DRAWN else []) for pair in PAIRS],
)
def test_every_model_runs_on_every_task(tmp_path, model, task, caplog):
    outcome = train_small(tmp_path / "run", model=model, task=task)
    metrics = outcome.metrics
    assert (metrics["status"], metrics["model"], metrics["task"]) == ("finished", model, task)
    assert metrics["engine"] == ("fused" if model in ("ntm", "dms_ntm", "gru") else None)
    if "mnist1d" not in task:
        assert outcome.value == metrics["validation"]["bits"] > 0
    else:
        assert outcome.value == 1 - metrics["validation"]["accuracy"]
        assert {"accuracy", "loss"} <= set(metrics["test"])
        assert ("generated" in metrics["test"]) == (task == "mnist1d")
    assert "cannot be drawn" not in caplog.text


@pytest.mark.parametrize("model", ["lstm", "dms_ntm"])
def test_runs_with_the_same_seed_are_equal_bit_for_bit_and_others_differ(tmp_path, model):
    def run(name, seed):
        steps = ("trainer.max_steps=3", "validate_every=3")
        metrics = train_small(tmp_path / name, *steps, f"seed={seed}", model=model).metrics
        return weights(tmp_path / name, "last"), {**metrics, "seconds": None, "git_revision": None}

    first, again, other = run("first", 0), run("again", 0), run("other", 1)
    assert equal(first[0], again[0])
    assert first[1] == again[1]
    assert not equal(first[0], other[0])
    assert first[1]["validation"] != other[1]["validation"]


def test_the_last_update_is_always_validated(tmp_path):
    folder = tmp_path / "run"
    metrics = train_small(folder, "trainer.max_steps=5", "validate_every=2", model="lstm").metrics
    assert [row["update"] for row in history(folder)] == ["2", "4", "5"]
    assert (metrics["updates"], metrics["sequences"], metrics["validation"]["update"]) == (5, 20, 5)


def test_overfit_batches_repeats_the_first_batches(tmp_path, monkeypatch):
    drawn, make = [], RepeatCopy.training_batch
    monkeypatch.setattr(RepeatCopy, "training_batch", lambda self, n: drawn.append(n) or make(self, n))
    train_small(tmp_path / "run", "trainer.max_steps=5", "validate_every=2", "overfit_batches=2", model="lstm")
    assert drawn == [0, 1, 0, 1, 0, 1]  # all batches to the next validation, of which the last is not used


@pytest.mark.parametrize(("stop", "updates"), [(True, 3), (False, 5)])
def test_solved_is_three_good_validations_and_counts_to_the_first(tmp_path, stop, updates):
    settings = ["solve_threshold=1000", "trainer.max_steps=5", f"stop_when_solved={str(stop).lower()}"]
    metrics = train_small(tmp_path / "run", *settings, model="lstm").metrics
    assert (metrics["status"], metrics["updates"], metrics["solved"]) == ("finished", updates, True)
    assert metrics["sequences_to_solve"] == 4
    assert metrics["cause"] == ("solved" if stop else "steps")
    assert 0 < metrics["seconds_to_solve"] < metrics["seconds"]
    assert metrics["test"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda loss: loss * float("nan"), "loss became nan"),
        (lambda loss: loss + float("inf"), "loss became inf"),
        (lambda loss: loss.register_hook(lambda g: g * float("inf")) and loss, "norm of the gradient became"),
    ],
)
def test_a_diverged_run_says_why_and_keeps_the_last_good_weights(tmp_path, at_update, change, what, monkeypatch):
    monkeypatch.setattr(unusable_gradients, "LIMIT", 1)
    at_update(3, change)
    folder = tmp_path / "run"
    outcome = train_small(folder, "trainer.max_steps=5", model="lstm")
    metrics = written(folder)
    assert (metrics["status"], metrics["updates"], outcome.value) == ("diverged", 2, float("inf"))
    cause = "loss" if what.startswith("loss") else "gradient"
    assert (metrics["cause"], metrics["recoverable"]) == (cause, False)
    assert f"the {what}" in metrics["error"]
    assert "at update 3" in metrics["error"]
    assert f"last good checkpoint: {folder / 'checkpoints' / 'best.ckpt'}" in metrics["error"]
    assert all(tensor.isfinite().all() for tensor in weights(folder).values())
    assert (metrics["test"], metrics["validation"]["update"]) == ({}, 2)


def test_a_run_that_diverges_at_the_first_update_has_no_checkpoint(tmp_path, at_update):
    at_update(1, lambda loss: loss * float("nan"))
    metrics = train_small(tmp_path / "run", model="lstm").metrics
    assert metrics["error"] == "diverged: the loss became nan at update 1; last good checkpoint: none yet"


def test_a_failed_run_has_the_error_in_metrics_json(tmp_path, at_update, caplog):
    at_update(2, lambda loss: {}["a key"])
    outcome = train_small(tmp_path / "run", "trainer.max_steps=5", model="lstm")
    metrics = written(tmp_path / "run")
    assert (metrics["status"], metrics["updates"], outcome.value) == ("failed", 1, float("inf"))
    assert metrics["error"] == "KeyError: 'a key'"
    assert (metrics["cause"], metrics["recoverable"]) == ("error", False)
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_after_the_update_and_no_update_is_lost(tmp_path, at_update, number):
    at_update(2, lambda loss: signal.raise_signal(number) or loss)
    before = signal.getsignal(number)
    outcome = train_small(tmp_path / "run", "trainer.max_steps=50", "validate_every=25", model="lstm")
    metrics = written(tmp_path / "run")
    assert (metrics["status"], metrics["updates"], metrics["sequences"]) == ("stopped", 2, 8)
    assert (metrics["test"], metrics["error"]) == ({}, None)
    assert (metrics["cause"], metrics["recoverable"]) == ("user", True)
    assert outcome.value == metrics["validation"]["bits"]
    assert weights(tmp_path / "run", "last")
    assert signal.getsignal(number) is before


def test_a_second_ctrl_c_stops_at_once(tmp_path, at_update):
    at_update(2, lambda loss: [signal.raise_signal(signal.SIGINT) for _ in range(2)] and loss)
    before = signal.getsignal(signal.SIGINT)
    outcome = train_small(tmp_path / "run", "trainer.max_steps=50", model="lstm")
    metrics = written(tmp_path / "run")
    assert (metrics["status"], metrics["updates"], metrics["sequences"]) == ("stopped", 1, 4)
    assert (metrics["cause"], metrics["recoverable"]) == ("user", True)
    assert outcome.value == metrics["validation"]["bits"]
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_the_test_stops_the_run_and_resume_tests_it(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as stopping:
        stopping.setattr(Learner, "test_step", interrupt)
        outcome = train_small(tmp_path / "run", model="lstm")
    signal.signal(signal.SIGINT, before)  # Lightning ignores the signal after the first
    metrics = written(tmp_path / "run")
    assert (outcome.ending.cause, metrics["status"], metrics["recoverable"]) == ("user", "stopped", True)
    assert metrics["test"] == {}
    resume(tmp_path / "run")
    assert written(tmp_path / "run")["status"] == "finished"
    assert written(tmp_path / "run")["test"]


def test_a_fault_after_the_test_is_not_taken_for_a_stop_by_the_cluster(tmp_path, monkeypatch):
    best_row = finalize.best_row

    def wrong_once(*arguments):
        monkeypatch.setattr(finalize, "best_row", best_row)
        raise ValueError("no best row")

    monkeypatch.setattr(finalize, "best_row", wrong_once)
    with pytest.raises(ValueError, match="no best row"):
        train_small(tmp_path / "run", model="lstm")
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_fault_of_a_logger_at_the_end_leaves_the_run_finished(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(finalize, "log_results", full)
    outcome = train_small(tmp_path / "run", model="lstm")
    assert (outcome.ending.status, written(tmp_path / "run")["status"]) == ("finished", "finished")
    assert "The results could not be logged: OSError: [Errno 28] No space left on device" in caplog.messages


def test_a_folder_with_a_run_is_refused_and_unchanged(tmp_path):
    (tmp_path / "config.yaml").write_text("precious")
    with pytest.raises(ConfigError, match="holds a run already; must be a new folder"):
        train_small(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("config.yaml", "precious")]


def test_a_bad_setting_is_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(ConfigError, match="seed=-1: must be an integer of at least 0"):
        train(compose_train(*small("seed=-1")), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_csv_logger_writes_every_scalar(tmp_path):
    train_small(tmp_path / "run", "logger=csv", model="lstm")
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/loss", "validation/bits", "optimizer/lr", "test/3x4/bits"} <= set(header)


class Enough(Callback):
    """Stops a run after its second validation."""

    def on_validation_end(self, trainer, pl_module):
        rows = next(one for one in trainer.callbacks if isinstance(one, History)).rows
        if len(rows) == 2:
            next(one for one in trainer.callbacks if isinstance(one, Interrupt)).given = Stop("pruned", "enough")
            trainer.should_stop = True


def test_a_run_that_an_additional_callback_stopped_can_be_resumed(tmp_path):
    cfg = compose_train(*small("trainer.max_steps=4", model="gru"))
    train(cfg, tmp_path / "stopped", extra_callbacks=[Enough()])
    found = written(tmp_path / "stopped")
    assert (found["status"], found["error"], found["updates"], found["test"]) == ("stopped", "enough", 2, {})
    assert (found["cause"], found["recoverable"]) == ("pruned", True)
    resume(tmp_path / "stopped")
    train(cfg, tmp_path / "whole")
    assert written(tmp_path / "stopped")["status"] == "finished"
    assert equal(weights(tmp_path / "stopped", "last"), weights(tmp_path / "whole", "last"))


class TestTimeLimit:
    LIMITED = ("trainer.max_steps=6", "validate_every=3", "+trainer.max_time=00:00:00:50")

    @pytest.fixture
    def time_of_update(self, monkeypatch):
        """A clock by which every update takes 20 s."""
        now = [0.0]
        monkeypatch.setattr(interrupt_module.time, "monotonic", lambda: now[0])
        step = Learner.training_step

        def twenty_seconds(self, *arguments):
            now[0] += 20.0
            return step(self, *arguments)

        monkeypatch.setattr(Learner, "training_step", twenty_seconds)

    def test_it_stops_between_two_updates_and_the_run_can_be_resumed(self, tmp_path, time_of_update):
        """metrics.json says why; the resumed run equals one without a limit, bit for bit."""
        folder = tmp_path / "run"
        train_small(folder, *self.LIMITED, model="lstm")
        metrics = written(folder)
        assert (metrics["status"], metrics["updates"], metrics["test"]) == ("stopped", 3, {})
        assert metrics["error"] == "trainer.max_time=00:00:00:50 was over after update 3"
        assert (metrics["cause"], metrics["recoverable"]) == ("time_limit", True)
        resume(folder)
        assert written(folder)["status"] == "finished"
        train_small(tmp_path / "whole", "trainer.max_steps=6", "validate_every=3", model="lstm")
        assert equal(weights(folder, "last"), weights(tmp_path / "whole", "last"))
        assert [row["update"] for row in history(folder)] == ["3", "6"]

    def test_the_terminal_says_how_to_resume_and_reports_no_error(self, tmp_path, time_of_update, capsys):
        outcome = train_small(tmp_path / "run", *self.LIMITED, model="lstm")
        print_outcome(outcome, tmp_path / "run")
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == (
            f"trainer.max_time=00:00:00:50 was over after update 3; resume={tmp_path / 'run'} resumes from there"
        )


def test_the_terminal_shows_the_metrics_but_details(whole, capsys):
    folder, outcome = whole
    print_outcome(outcome, folder)
    header = next(line for line in capsys.readouterr().out.splitlines() if "exact" in line)
    assert " ".join(header.split()) == "bits error_bits payload_error end_error end_exact exact loss memory_slots"


def test_the_log_says_that_validation_uses_more_slots(tmp_path, caplog):
    caplog.set_level("INFO")
    train_small(tmp_path / "run", "model.memory_slots=2", "task.max_length=3", model="ntm")
    assert "Validation is measured with 5 memory slots instead of 2." in caplog.messages


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID", "SLURM_NODEID"])
def test_a_run_that_was_not_started_by_a_launcher_has_rank_zero(name, tmp_path, monkeypatch):
    """Variables that a shell or a job left behind do not count, though Lightning read them when imported."""
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    train_small(tmp_path / "run", "logger=csv", model="lstm")
    assert written(tmp_path / "run")["status"] == "finished"
    assert (tmp_path / "run" / "metrics.csv").exists()


def test_a_figure_that_cannot_be_drawn_is_a_warning(tmp_path, monkeypatch, caplog):
    def broken(*arguments, **others):
        raise RuntimeError("no LaTeX")

    for name in ("savefig", "draw"):
        monkeypatch.setattr(Figure, name, broken)
    monkeypatch.setitem(final_evaluation.DRAWINGS, "addressing_examples", broken)
    train_small(tmp_path / "run", "logger=tensorboard")
    metrics = written(tmp_path / "run")
    assert (metrics["status"], metrics["error"]) == ("finished", None)
    assert metrics["test"]["3x4"]["bits"] > 0
    assert not list((tmp_path / "run" / "figures").iterdir())
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert {line.split(" cannot be drawn: RuntimeError: no LaTeX")[0] for line in lines} == {
        f"The figure {name}"
        for name in ("target_output", "memory", "learning_curves", "head_weights", "head_weights_3x4")
    } | {"The figure addressing_examples"}


@pytest.mark.parametrize("name", ["learning_curves", "memory"])
def test_a_full_disk_while_a_figure_is_written_fails_the_run(tmp_path, monkeypatch, name):
    """learning_curves is written at the end of training, memory after the test."""

    def full(path, content):
        if path.stem == name:
            raise OSError(28, "No space left on device")
        write_whole(path, content)

    monkeypatch.setattr("src.callbacks.pictures.write_whole", full)
    metrics = train_small(tmp_path / "run").metrics
    assert metrics["status"] == "failed"
    assert metrics["error"].startswith("[Errno 28] No space left on device; fix that, then resume=")
    assert (metrics["cause"], metrics["recoverable"]) == ("machine", True)
