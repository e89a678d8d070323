"""The benchmark command: each part measures, prints and writes; invalid arguments are refused."""

import json
import sys

import pytest

from src.benchmark import __main__ as benchmark
from src.benchmark import cost, jobs, loop, memory, options, roofline, sampling, speed, sweep
from src.benchmark.rounds import compose_config, updating
from src.settings.errors import ConfigError
from tests.benchmark.test_rounds import peer  # noqa: F401  (a fixture)

LSTM = "lstm model.hidden_size=4"
NTM = "ntm model.memory_slots=4 model.word_size=3 model.controller_size=5"
ONE_THREAD = ["--threads", "1"]
SPEED = [
    "--models",
    LSTM,
    NTM,
    "--batch-sizes",
    "1",
    "3",
    "--length",
    "2",
    "--repeats",
    "2",
    "--rounds",
    "1",
    "--sequences",
    "1",
]
COST = ["cost", "--models", NTM, "--repeats", "1", "2", "--batch-sizes", "1", "--slots", "3", "--rounds", "1"]
LOOP = ["loop", "--model", NTM, "--batch-sizes", "2", "--sequences", "4", "--rounds", "1", "--drawn"]


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command line; returns exit code, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["benchmark", *map(str, arguments)])
        try:
            benchmark.main()
            code = 0
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.mark.drawn
def test_speed_is_the_default_part(command, tmp_path):
    code, out, error = command(*SPEED, *ONE_THREAD, "--out", tmp_path / "made")
    assert (code, error) == (0, "")
    assert "in brackets the ratio to the first model; 1 threads." in out
    assert (tmp_path / "made" / "speed.md").read_text() in out
    assert (tmp_path / "made" / "speed.png").stat().st_size > 1000
    content = json.loads((tmp_path / "made" / "speed.json").read_text())
    assert {model: list(row) for model, row in content["measured"].items()} == {LSTM: ["1", "3"], NTM: ["1", "3"]}
    assert all(0 < rate < float("inf") for row in content["measured"].values() for rate in row.values())
    assert content["settings"]["length"] == 2
    assert "torch" in content["versions"]


def test_options_are_compared_with_the_default_of_their_model(command, monkeypatch, tmp_path):
    """Of a machine with small sizes, which every option is added to."""
    monkeypatch.setattr(options, "OPTIONS", {NTM: ("input_skip=true", "controller=counter_lstm shift_range=2")})
    sizes = ("--length", "2", "--repeats", "2", "--rounds", "1", "--updates", "1", "--batch-size", "3")
    code, _, error = command("options", *sizes, *ONE_THREAD, "--out", tmp_path)
    assert (code, error) == (0, "")
    measured = json.loads((tmp_path / "options.json").read_text())["measured"]
    assert list(measured[NTM]) == ["", "input_skip=true", "controller=counter_lstm shift_range=2"]
    table = options.markdown({"ntm": {"": 200.0, "input_skip=true": 150.0}})
    assert table.splitlines()[2:] == [
        "| `ntm` | default | 200 | 1.00 |",
        "| `ntm` | `input_skip=true` | 150 | 0.75 |",
    ]


def test_every_option_is_one_of_its_model():
    """Each is composed and built, so that none is misspelt."""
    for model, changes in options.OPTIONS.items():
        for change in changes:
            made = [f"model.{one}" for one in change.split()]
            updating(compose_config(f"model={model}", "model.memory_slots=8", *made))


def test_the_roofline_counts_the_operations_of_a_sequence(command, monkeypatch, tmp_path):
    monkeypatch.setattr(roofline, "PRODUCT", 32)
    monkeypatch.setattr(roofline, "UNCACHED", 0.25)
    monkeypatch.setattr(roofline, "COPIES", 1)
    sizes = ("--length", "2", "--repeats", "2", "--rounds", "1", "--updates", "1", "--batch-sizes", "3")
    code, _, error = command("roofline", "--models", LSTM, NTM, *sizes, *ONE_THREAD, "--out", tmp_path)
    assert (code, error) == (0, "")
    measured = json.loads((tmp_path / "roofline.json").read_text())["measured"]
    steps = 2 + 2 + 2 * 2 + 1
    lstm, ntm = (measured["models"][model]["operations"] for model in (LSTM, NTM))
    # Inputs: the two markers and 8 bits; outputs: 8 bits and the end.
    assert lstm == {"products": 6 * steps * (4 * 4 * (10 + 4) + 4 * 9), "memory": 0}
    # Two keys, the norms, erasing, adding and a read.
    assert ntm["memory"] == 6 * steps * 4 * 3 * (2 + 1 + 2 + 1)
    assert all(0 < limit < float("inf") for limit in measured["limits"].values())
    row = {"operations": {"products": 4e6, "memory": 1e6}, "rates": {16: 500.0}}
    table = roofline.markdown(
        {"limits": {"product": 50.0, "cached": 100.0, "uncached": 9.0}, "models": {"ntm": row}}
    )
    assert table.splitlines()[0] == (
        "At most: 50 GFLOP/s in products of matrices, 100 GB/s in the cache, 9 GB/s in memory."
    )
    assert table.splitlines()[-1] == "| `ntm` | 16 | 4.0 | 1.0 | 500 | 10000 | 5 % |"


def test_sampling_is_compared_with_an_update(command, monkeypatch, tmp_path):
    line = ("sampling", "--tasks", "repeat_copy", "copy", "--model", "lstm", "--rounds", "1", "--updates", "1")
    code, _, error = command(*line, *ONE_THREAD, "--out", tmp_path)
    assert (code, error) == (0, "")
    measured = json.loads((tmp_path / "sampling.json").read_text())["measured"]
    assert [(task, *parts) for task, parts in measured.items()] == [
        ("repeat_copy", "sampling", "update"),
        ("copy", "sampling", "update"),
    ]
    table = sampling.markdown({"copy": {"sampling": 0.5, "update": 20.0}})
    assert table.splitlines()[-1] == "| `copy` | 0.50 | 20.0 | 2.5 % |"


def test_a_rate_counts_all_sequences_of_a_round(command, monkeypatch):
    monkeypatch.setattr(speed, "best_times", lambda timed, rounds: dict.fromkeys(timed, 2.0))
    code, out, _ = command(*SPEED, "--updates", "4", "--sequences", "10", *ONE_THREAD)
    assert code == 0
    assert out.splitlines()[-2:] == [
        f"| `{LSTM}` | 5 (1) | 6 (1) | 301 | 8 |",
        f"| `{NTM}` | 5 (1) | 6 (1) | 625 | 33 |",
    ]


def test_the_table_has_ratios_to_the_first_model():
    table = speed.markdown({"lstm": {1: 200.0, 16: 1000.0}, "ntm": {1: 50.0, 16: 1500.0}})
    assert table.splitlines() == [
        "| model | batch 1 | batch 16 | parameters | state |",
        "|---|---:|---:|---:|---:|",
        "| `lstm` | 200 (1) | 1000 (1) | 244,089 | 480 |",
        "| `ntm` | 50 (0.25) | 1500 (1.5) | 63,181 | 3,036 |",
    ]


def test_a_peer_is_measured_as_well(command, peer):  # noqa: F811
    code, out, _ = command(*SPEED, *ONE_THREAD, "--peer", peer)
    assert code == 0
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| `")]
    assert rows == [f"`{LSTM}`", f"`{NTM}`", "`pytorch-ntm`"]


def test_the_dnc_package_is_measured_as_well(command, monkeypatch):
    """Its row is measured where it is installed; here by a stand-in for its round."""
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(speed, "dnc_package_round", lambda size, shape, updates: lambda: None)
    code, out, _ = command(*SPEED, *ONE_THREAD, "--dnc-package")
    assert code == 0
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| `")]
    assert rows == [f"`{LSTM}`", f"`{NTM}`", "`dnc (PyPI)`"]


def test_the_dnc_package_must_be_installed(command, monkeypatch):
    monkeypatch.setattr(benchmark.importlib.util, "find_spec", lambda name: None)
    code, out, error = command(*SPEED, "--dnc-package")
    assert (code, out) == (2, "")
    assert error == (
        "error: --dnc-package: the package dnc must be installed; pip install --no-deps dnc; see --help\n"
    )


def test_cost(command, tmp_path):
    code, out, error = command(*COST, *ONE_THREAD, "--out", tmp_path)
    assert (code, error) == (0, "")
    assert "| model | T = 23 | T = 33 |" in out
    measured = json.loads((tmp_path / "cost.json").read_text())["measured"]
    assert {what: list(rows[NTM]) for what, rows in measured.items()} == {
        "T": ["23", "33"],
        "B": ["1"],
        "N": ["3"],
    }
    assert (tmp_path / "cost.png").exists()


def test_numbers_are_written_when_the_figure_cannot_be_drawn(command, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(cost, "figure", lambda result: 1 / 0)
    code, _, _ = command(*COST, *ONE_THREAD, "--out", tmp_path)
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"cost.json", "cost.md"}
    assert "The figure cost cannot be drawn: ZeroDivisionError" in caplog.text


def test_memory_of_a_new_process(command):
    code, out, _ = command("memory", "--models", NTM, "--batch-sizes", "64", "--repeats", "40", *ONE_THREAD)
    assert code == 0
    taken = float(out.splitlines()[-1].split("|")[2])
    assert 0.5 < taken < 100


def test_loop(command, tmp_path):
    code, out, _ = command(*LOOP, *ONE_THREAD, "--out", tmp_path)
    assert code == 0
    row = json.loads((tmp_path / "loop.json").read_text())["measured"]["2"]
    assert list(row)[:2] == ["updates alone", "trainer.fit"]
    assert set(list(row)[2:]) == {
        "sampling",
        "forward and loss",
        "backward",
        "clipping",
        "optimiser",
        "loop, callbacks, logging",
    }
    assert all(value > 0 for value in row.values())
    ratio = row["trainer.fit"] / row["updates alone"]
    assert f"| their ratio | {ratio:.3g} |" in out


def test_jobs(command, monkeypatch):
    """A warm-up, two runs one after the other, two in parallel, each started as a user would."""
    commands, running, most = [], set(), []
    popen = jobs.subprocess.Popen

    class Process(popen):
        def __init__(self, words, **options):
            assert options["env"]["OMP_NUM_THREADS"] == "1"
            commands.append(words)
            super().__init__([sys.executable, "-c", ""], **options)
            running.add(self)
            most.append(len(running))

        def communicate(self):
            running.discard(self)
            return super().communicate()

    monkeypatch.setattr(jobs.subprocess, "Popen", Process)
    code, out, _ = command("jobs", "--updates", "7", "--rounds", "1")
    assert code == 0
    assert most == [1, 1, 1, 1, 2]
    for seed, words in zip([0, 0, 1, 0, 1], commands, strict=True):
        assert words[:4] == [sys.executable, "-m", "src.train", "model=ntm"]
        assert f"seed={seed}" in words
    assert "trainer.max_steps=7" in commands[-1]
    assert [line.split("|")[1].strip() for line in out.splitlines()[4:]] == [
        "one after the other",
        "side by side",
        "their ratio",
    ]


def test_a_failed_run_is_an_error():
    with pytest.raises(ConfigError, match=r"a run failed: error: trainer\.max_steps=0"):
        jobs._wait([jobs._start(0, 0)])


def test_a_killed_sweep_loses_no_job(command, tmp_path):
    code, out, error = command("sweep", "--jobs", "3", "--workers", "1", "--out", str(tmp_path))
    assert code == 0, error
    found = json.loads((tmp_path / "sweep.json").read_text())["measured"]
    assert (found["jobs"], found["finished"], found["in the report"]) == (3, 3, 3)
    assert 1 <= found["ended when it was killed"] < 3
    assert all(value > 0 for key, value in found.items() if "seconds" in key and "a job" not in key)
    assert "| in the report | 3 |" in out


def test_a_failed_sweep_is_an_error(tmp_path):
    line = ["src.train", "-m", "model.memory_slots=0", f"hydra.sweep.dir={tmp_path}/s", "seed=0,1"]
    text = "the sweep ended with exit code 2 before 3 jobs had"
    with pytest.raises(ConfigError, match=text), sweep._started(line) as process:
        sweep._until(process, tmp_path / "s", 3)
    with pytest.raises(ConfigError, match=r"src\.report .* ended with exit code 2"):
        sweep._finish(["src.report", f"runs={tmp_path}/none"])


@pytest.mark.parametrize("part", [speed, cost, memory, loop, jobs, sweep])
def test_the_help_says_what_each_part_measures(part, command):
    name = part.__name__.rpartition(".")[2]
    code, out, _ = command(name, "--help")
    assert code == 0
    assert part.ABOUT.split()[1] in out
    assert name in command("--help")[1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rounds", "0"], "--rounds 0: must be at least 1"),
        (["speed", "--length", "-2"], "--length -2: must be at least 1"),
        (["--repeats", "x"], "argument --repeats: invalid int value: 'x'"),
        (["--batch-sizes", "4", "0"], "--batch-sizes 0: must be at least 1"),
        (["cost", "--batch-sizes", "4", "0"], "--batch-sizes 0: must be at least 1"),
        (["--threads", "0"], "--threads 0: must be at least 1"),
        (["--models", "nope"], "--models: "),
        (["--models", "ntm model.foo=1"], "--models: "),
        (["--models", "ntm model.memory_slots=0"], "--models: model.memory_slots=0: must be an integer"),
        (["--models", " "], "--models: ' ': must be a name, and overrides behind it"),
        (
            ["--drawn", "--models", "ntm task=mnist1d task.batch_size=1"],
            "must leave the task as it is, repeat_copy",
        ),
        (["loop", "--model", "nope"], "--model: "),
        (["memory", "--models", "nope"], "--models: "),
        (["jobs", "--threads", "2"], "unrecognized arguments: --threads 2"),
        (["--what"], "unrecognized arguments: --what"),
        (["size"], "invalid choice: 'size' (choose from"),
        (["--out", __file__], f"--out='{__file__}': cannot be written (Not a directory); must be a folder"),
        (["--peer", "/none"], "--peer /none: must be a checkout of pytorch-ntm, which holds ntm/aio.py"),
    ],
)
def test_invalid_arguments_exit_with_code_2(command, arguments, text):
    code, out, error = command(*arguments)
    assert (code, out) == (2, "")
    assert text in error
    assert "Traceback" not in error
