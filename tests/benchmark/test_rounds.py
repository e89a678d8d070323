"""Rounds of training updates, of the models and of the peer, and their timing."""

import sys

import pytest

from src.benchmark import rounds, speed

SHAPE = ["task.max_length=2", "task.max_repeats=2"]
LSTM = "lstm model.hidden_size=4"
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


@pytest.fixture
def peer(tmp_path, monkeypatch):
    """A minimal fake checkout of pytorch-ntm."""
    (tmp_path / "ntm").mkdir()
    (tmp_path / "ntm" / "__init__.py").touch()
    (tmp_path / "ntm" / "aio.py").write_text(PEER)
    monkeypatch.delitem(sys.modules, "ntm", raising=False)
    monkeypatch.delitem(sys.modules, "ntm.aio", raising=False)
    return tmp_path


def closure(run):
    """The variables in the closure of a round."""
    return dict(zip(run.__code__.co_freevars, (cell.cell_contents for cell in run.__closure__), strict=True))


def test_a_round_trains():
    run = rounds.training_round(LSTM, 3, SHAPE, updates=2)
    batches = closure(run)["batches"]
    network = closure(closure(run)["make_updates"])["learner"].network
    before = [p.detach().clone() for p in network.parameters()]
    run()
    assert [len(batch.x) for batch in batches] == [3, 3]
    assert all((p != old).any() for p, old in zip(network.parameters(), before, strict=True))


def test_a_round_of_the_peer_trains(peer):
    run = rounds.peer_round(peer, 3, SHAPE, updates=2)
    before = [p.detach().clone() for p in closure(run)["network"].parameters()]
    run()
    assert any((p != old).any() for p, old in zip(closure(run)["network"].parameters(), before, strict=True))
    assert str(peer) not in sys.path


def test_a_round_of_the_dnc_package_trains():
    """With the sizes of the model `dnc`; it is skipped without the package."""
    pytest.importorskip("dnc")
    run = rounds.dnc_package_round(3, SHAPE, updates=1)
    network = closure(run)["network"]
    before = [p.detach().clone() for p in network.parameters()]
    run()
    assert any((p != old).any() for p, old in zip(network.parameters(), before, strict=True))
    model = rounds.compose_config("model=dnc")["model"]
    assert [model["controller_size"], model["memory_slots"], model["word_size"], model["read_heads"]] == [
        network.output_size,
        network.nr_cells,
        network.cell_size,
        network.read_heads,
    ]


def test_shape_overrides_fix_length_and_repeats():
    task = rounds.compose_config("model=ntm", *rounds.shape_overrides(7, 3))["task"]
    assert [task[f"{end}_length"] for end in ("min", "max")] == [7, 7]
    assert [task[f"{end}_repeats"] for end in ("min", "max")] == [3, 3]


def test_the_fastest_round_counts(monkeypatch):
    clock = iter([0.0, 4.0, 10.0, 11.0, 20.0, 22.0, 30.0, 33.0])
    monkeypatch.setattr(rounds.time, "perf_counter", lambda: next(clock))
    calls = []
    timed = {name: lambda name=name: calls.append(name) for name in "ab"}
    assert rounds.best_times(timed, rounds=2) == {"a": 2.0, "b": 1.0}
    assert calls == list("ababab")  # the first call of each is the warm-up


def test_the_default_models_can_be_built():
    for model in speed.MODELS:
        assert callable(rounds.training_round(model, 1, ["task.max_length=1", "task.max_repeats=1"], updates=1))
