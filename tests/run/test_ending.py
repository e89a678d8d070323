"""Ending of a run: round trip through metrics.json, and files of earlier versions."""

import json
from typing import get_args

import pytest

from src.common.paths import CHECKOUT as ROOT
from src.run.ending import STATUS, Cause, Ending

PUBLISHED = sorted((ROOT / "outputs" / "published" / "runs").glob("*/metrics.json"))


def test_each_cause_has_a_status():
    assert list(STATUS) == list(get_args(Cause))


@pytest.mark.parametrize("cause", STATUS)
@pytest.mark.parametrize("error", [None, "diverged: fix that, then pruned"])
def test_round_trip(cause, error):
    """The text of the error has no influence."""
    ending = Ending.of(cause, error)
    entries = json.loads(json.dumps(ending.entries()))
    assert set(entries) == {"status", "cause", "recoverable", "error"}
    assert Ending.read(entries) == ending
    assert entries["recoverable"] == (cause in ("user", "preempted", "time_limit", "pruned", "machine"))


@pytest.mark.parametrize(
    ("status", "error", "cause", "recoverable"),
    [
        ("finished", None, None, False),
        ("stopped", None, "user", True),
        ("stopped", "pruned: worse than the median of the trials before, after validation 4", None, True),
        ("diverged", "diverged: the loss became nan at update 3; last good checkpoint: none yet", None, False),
        ("failed", "[Errno 28] No space left; mend that, then resume=a goes on from the beginning", None, False),
    ],
)
def test_metrics_of_an_earlier_version_without_a_cause(status, error, cause, recoverable):
    ending = Ending.read({"status": status, "error": error, "updates": 3})
    assert ending == Ending(status, cause, error)
    assert ending.recoverable == recoverable


@pytest.mark.parametrize("cause", ["loss", "eaten by a dog", 3, None, ["steps"]])
def test_a_cause_that_does_not_belong_to_the_status_is_ignored(cause):
    assert Ending.read({"status": "finished", "cause": cause, "error": None}) == Ending("finished", None)


@pytest.mark.parametrize("metrics", [{}, {"status": "running"}, {"status": ["finished"]}, {"cause": "steps"}])
def test_metrics_without_a_valid_status_have_no_ending(metrics):
    assert Ending.read(metrics) is None


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name)
def test_published_runs_have_finished(path):
    ending = Ending.read(json.loads(path.read_text()))
    assert (ending.status, ending.error, ending.recoverable) == ("finished", None, False)


def test_there_are_published_runs():
    assert len(PUBLISHED) >= 10
