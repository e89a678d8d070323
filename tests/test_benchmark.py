"""The benchmark: a rate for everything, ratios to the first model, and bad arguments."""

import json
import sys

import pytest

from src import benchmark

TINY = ["--batch-sizes", "1", "3", "--length", "2", "--repeats", "2", "--rounds", "1", "--threads", "1"]
MODELS = ["lstm model.hidden_size=4", "ntm model.memory_slots=4 model.word_size=3 model.controller_size=5"]


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


def test_a_rate_for_every_model_and_batch_size():
    shape = ["task.min_length=2", "task.max_length=2", "task.max_repeats=2"]
    rates = benchmark.benchmark(MODELS, [1, 3], shape, updates=2, rounds=1)
    assert {model: list(row) for model, row in rates.items()} == {model: [1, 3] for model in MODELS}
    assert all(0 < rate < float("inf") for row in rates.values() for rate in row.values())


def test_rates_are_those_of_the_fastest_round(monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 12.0, 20.0, 23.0])  # the first run of all is not timed
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    rates = benchmark.benchmark([MODELS[0]], [3], ["task.max_length=1", "task.max_repeats=1"], updates=4, rounds=3)
    assert rates == {MODELS[0]: {3: 4 * 3 / 2.0}}


def test_a_round_trains():
    run = benchmark.training_round(MODELS[0], 3, ["task.max_length=2", "task.max_repeats=2"], updates=2)
    variables = dict(zip(run.__code__.co_freevars, (cell.cell_contents for cell in run.__closure__), strict=True))
    network, batches = variables["learner"].network, variables["batches"]
    before = [p.detach().clone() for p in network.parameters()]
    run()
    assert [len(batch.x) for batch in batches] == [3, 3]
    assert all((p != old).any() for p, old in zip(network.parameters(), before, strict=True))


PEER = """
import torch


class EncapsulatedNTM(torch.nn.Module):
    def __init__(self, inputs, outputs, controller, layers, heads, slots, words):
        super().__init__()
        assert (controller, layers, heads, slots, words) == (100, 1, 1, 128, 20)
        self.layer = torch.nn.Linear(inputs, outputs)

    def init_sequence(self, batch_size):
        self.batch_size = batch_size

    def forward(self, x):
        assert len(x) == self.batch_size
        return self.layer(x).sigmoid(), None
"""


def test_a_peer_is_measured_beside_the_models(command, tmp_path, monkeypatch):
    (tmp_path / "ntm").mkdir()
    (tmp_path / "ntm" / "__init__.py").touch()
    (tmp_path / "ntm" / "aio.py").write_text(PEER)
    monkeypatch.delitem(sys.modules, "ntm", raising=False)
    monkeypatch.delitem(sys.modules, "ntm.aio", raising=False)
    code, out, _ = command("--models", MODELS[0], *TINY, "--peer", tmp_path)
    assert code == 0
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("| `")]
    assert rows == [f"`{MODELS[0]}`", "`pytorch-ntm`"]
    assert str(tmp_path) not in sys.path


def test_a_peer_that_is_not_there(command, tmp_path):
    code, _, err = command(*TINY, "--peer", tmp_path)
    assert code == 2
    assert f"--peer {tmp_path}: must be a checkout of pytorch-ntm, which holds ntm/aio.py" in err


def test_the_table_has_ratios_to_the_first_model():
    table = benchmark.markdown({"lstm": {1: 200.0, 16: 1000.0}, "ntm": {1: 50.0, 16: 1500.0}})
    assert table.splitlines() == [
        "| model | batch 1 | batch 16 |",
        "|---|---:|---:|",
        "| `lstm` | 200 (1) | 1000 (1) |",
        "| `ntm` | 50 (0.25) | 1500 (1.5) |",
    ]


def test_the_default_models_can_be_built():
    for model in benchmark.MODELS:
        assert callable(benchmark.training_round(model, 1, ["task.max_length=1", "task.max_repeats=1"], updates=1))


def test_the_command_prints_and_writes(command, tmp_path):
    code, out, error = command(*TINY, "--models", *MODELS, "--out", tmp_path / "made")
    assert (code, error) == (0, "")
    assert "length 2, repeats 2; 1 threads" in out
    assert (tmp_path / "made" / "benchmark.md").read_text() in out
    content = json.loads((tmp_path / "made" / "benchmark.json").read_text())
    assert set(content["sequences_per_second"]) == set(MODELS)
    assert set(content["sequences_per_second"][MODELS[0]]) == {"1", "3"}
    assert content["settings"]["length"] == 2
    assert "torch" in content["versions"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--rounds", "0"], "--rounds 0: must be at least 1"),
        (["--length", "-2"], "--length -2: must be at least 1"),
        (["--repeats", "x"], "argument --repeats: invalid int value: 'x'"),
        (["--batch-sizes", "4", "0"], "--batch-sizes 0: must be at least 1"),
        (["--threads", "0"], "--threads 0: must be at least 1"),
        (["--models", "nope"], "--models: "),
        (["--models", "ntm model.foo=1"], "--models: "),
        (["--models", "ntm model.memory_slots=0"], "--models: model.memory_slots=0: must be an integer"),
        (["--what"], "unrecognized arguments: --what"),
    ],
)
def test_bad_arguments_end_with_2(command, arguments, text):
    code, out, error = command(*arguments)
    assert (code, out) == (2, "")
    assert text in error
    assert "Traceback" not in error
