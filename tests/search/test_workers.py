"""Several workers of one search: stopped, failed, and resumed by another."""

import os
import signal
import subprocess
import sys

import pytest

from src.common.paths import CHECKOUT as ROOT
from src.search import work
from tests.launch.test_sweep import ended, wait

pytest.importorskip("optuna")


def test_two_workers_share_the_trials_and_stopped_ones_are_resumed(line, search, trials, tmp_path, capfd):
    """Two processes, as workers are; stopped while their runs of a second or two train."""
    given = ["workers=2", "trials=2", "seeds=[201]", "trainer.max_steps=160", "validate_every=8", "prune=none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "src.search", *line(*given)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    at = tmp_path / "tiny" / "mlp"
    wait(lambda: len(list(at.glob("[01]/seed_201/checkpoints/last.ckpt"))) == 2)
    process.send_signal(signal.SIGINT)
    code, output = ended(process)
    assert code == 130, output
    assert "workers=2 trials=2" in output.splitlines()[-1]
    assert output.splitlines()[-1].startswith("stopped; to resume: python -m src.search name=tiny ")
    left = [one for one in trials() if one.state == "half-done"]
    assert left, "both had ended before they were stopped: make the runs longer"
    # A worker in this process resumes the trials, and repeats no validation.
    capfd.readouterr()
    assert search(*given, "workers=1") == 0
    assert [(one.number, one.state) for one in trials()] == [(0, "complete"), (1, "complete")]
    for one in trials():
        history = (at / str(one.number) / "seed_201" / "history.csv").read_text().splitlines()[1:]
        assert [row.split(",")[0] for row in history] == [str(n) for n in range(8, 161, 8)]
    printed = [text for text in capfd.readouterr().out.splitlines() if text.startswith("[")]
    assert len(printed) == 2 - sum(text.startswith("[") for text in output.splitlines())


def test_trials_of_workers_that_fail_remain(search, monkeypatch, capsys):
    monkeypatch.setattr("src.search.__main__.run_modules", lambda commands: [1] * len(commands))
    assert search("workers=2") == 1
    assert "\n2 trials remain: python -m src.search name=tiny " in capsys.readouterr().out


def full(*_):
    raise OSError(28, "a full disk")


def test_a_worker_is_a_command_with_the_folder_and_the_number_of_trials(
    search, trials, tmp_path, monkeypatch, capsys
):
    asked = []
    monkeypatch.setattr("src.search.__main__.run_modules", lambda commands: asked.extend(commands) or [0, 0])
    assert search("workers=2", "seeds=[201]") == 1  # nothing was done
    assert asked == [["src.search.work", str(tmp_path / "tiny"), "2"]] * 2
    monkeypatch.setattr(sys, "argv", asked[0])
    monkeypatch.setattr(work.logging, "basicConfig", lambda **_: None)
    with monkeypatch.context() as faulty:
        faulty.setattr(work.studies, "take", full)
        with pytest.raises(SystemExit) as end:
            work.main()
    assert end.value.code == 2
    assert (
        capsys.readouterr().err == "error: [Errno 28] a full disk; fix that, then repeat the command to resume\n"
    )
    work.main()
    assert [one.state for one in trials()] == ["complete", "complete"]
    assert search("workers=2", "seeds=[201]") == 0
