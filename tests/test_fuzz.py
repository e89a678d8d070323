"""Random command lines: each trains, or is refused in one line and leaves no folder."""

import contextlib
import io
import os
import sys
import tempfile
from typing import Any, NamedTuple
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from src.launch import command, job
from src.run import train
from tests.helpers import small

#: Keys of a run, some misspelt, and values for any of them: valid, out of range, of another type, or empty.
KEYS = (
    *("seed", "seedd", "solve_threshold", "stop_when_solved", "validate_every", "overfit_batches", "figure.cmap"),
    *("dry_run", "retry_failed", "resume", "experiment", "debug", "hydra.mode", "hydra.job.num"),
    *("model", "task", "optimizer", "schedule", "logger", "trainer", "modle", "hydra/launcher"),
    *("model.hidden_size", "model.num_layers", "model._target_", "model.name", "model.engine", "model.foo"),
    *("task.max_length", "task.min_length", "task.width", "task.test_cells", "task.ragged", "task.cell_size"),
    *("task.recipe.lr", "task.recipe", "optimizer.lr", "optimizer.betas", "optimizer.weight_decay", "optmizer.lr"),
    *("schedule.final", "schedule.warmup", "schedule._target_", "schedule.updates", "logger.tensorboard"),
    *("trainer.max_steps", "trainer.max_epochs", "trainer.precision", "trainer.devices", "trainer.accelerator"),
    *("trainer.gradient_clip_val", "trainer.gradient_clip_algorithm", "trainer.limit_test_batches"),
    *("trainer.max_time", "trainer.accumulate_grad_batches", "trainer.deterministic", "trainer.log_every_n_steps"),
    *("callbacks.pictures.every", "callbacks.pictures", "callbacks.more._target_", "callbacks.clock", "a.b.c"),
)
VALUES = (
    *(
        "0",
        "1",
        "2",
        "3",
        "-1",
        "0.5",
        "1e-3",
        "1e40",
        "nan",
        "inf",
        "true",
        "false",
        "null",
        "abc",
        "''",
        "'a b'",
    ),
    *(
        "[]",
        "[1,2]",
        "[[2,2]]",
        "[0.9,0.999]",
        "{}",
        "{a:1}",
        "lstm",
        "gru",
        "adam",
        "constant",
        "csv",
        "none",
        "fast",
    ),
    *(
        "64-true",
        "bf16-mixed",
        "norm",
        "value",
        "cpu",
        "gpu",
        "00:00:01:00",
        "viridis",
        "MULTIRUN",
        "1,2",
        "range(2)",
    ),
    *("${seed}", "${nothing}", "\\${seed}", "${now:%Y}", "torch.nn.Linear", "src.lit.schedule.warmup_cosine", ""),
    *("os.system", "é", "=", "'", "]", "$", "a=b", "../up", "x" * 300),
)
OVERRIDES = st.builds(
    "{}{}={}".format, st.sampled_from(["", "", "", "+", "++"]), *map(st.sampled_from, (KEYS, VALUES))
)
REMOVALS = st.builds("~{}".format, st.sampled_from(KEYS))
NOISE = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6).filter(
    lambda text: not text.startswith("-")  # an option, which the parser of options refuses
)
#: Settings that keep every run small.
TINY = ("task.validation_size=4", "task.test_size=4")


class CommandResult(NamedTuple):
    """The result of a command line."""

    code: int
    stderr: str
    trained: list[dict[str, Any]]  # metrics.json of the run
    files: list[str]  # in the working folder


def run_command(overrides: list[str]) -> CommandResult:
    """Run the command line of src.train in an empty folder, without what Hydra does around a run."""
    trained = []

    def alone(one, checked):
        trained.append(train.train(one.config, one.folder, parts=checked.parts).metrics)

    stderr, before = io.StringIO(), sys.argv
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        sys.argv = ["src.train", *small(model="lstm"), *TINY, "hydra.run.dir=run", *overrides]
        try:
            output, errors = contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr)
            with output, errors, mock.patch.object(job, "run_single", alone):
                command.command()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            sys.argv = before
        return CommandResult(code, stderr.getvalue(), trained, os.listdir(folder))


@pytest.mark.usefixtures("unchecked_types")
@settings(
    derandomize=True,  # the same examples each time
    deadline=None,
    database=None,
    max_examples=100,
    phases=[Phase.generate],  # command lines are short, so shrinking is not needed
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(OVERRIDES | OVERRIDES | REMOVALS | NOISE, min_size=1, max_size=2))
def test_a_command_line_trains_or_is_refused_in_one_line(overrides):
    """Accepted command lines must train: a third of a second each, with a model of eight units."""
    result = run_command(overrides)
    if result.code == 0:
        assert "Traceback" not in result.stderr
        assert all(one["status"] in ("finished", "diverged") for one in result.trained), result.trained
        assert set(result.files) <= ({"run", "outputs"} if result.trained else set())
    else:
        assert (result.code, result.trained, result.files) == (2, [], [])
        assert result.stderr.startswith("error: ")
        assert len(result.stderr.splitlines()) == 1
