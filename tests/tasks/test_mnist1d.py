"""MNIST-1D: equality with the authors' data, the splits, and the order of training."""

import random

import numpy as np
import pytest
import torch

from src.common.checks import Refusal
from src.tasks import mnist1d
from src.tasks.mnist1d import FROZEN_SEED, MNIST1D, load

NAME = "mnist1d_5000_4000_seed42.npz"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache folder, in which the data are generated once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def frozen(cache):
    task = MNIST1D(cache=str(cache))
    task.setup()
    return task


@pytest.fixture(scope="module")
def seeds(cache):
    task = MNIST1D(setup="seed", cache=str(cache))
    task.setup()
    return task


def whole(batches):
    return torch.cat([batch.x for batch in batches]), torch.cat([batch.y for batch in batches])


def rows(*sets):
    """Examples as hashable values."""
    return [tuple(row) for x in sets for row in x.flatten(1).tolist()]


def shares(y):
    return torch.bincount(y, minlength=10) / len(y)


def test_data_equal_the_authors_file(frozen, cache):
    data = load(cache, 5000, 0.8, FROZEN_SEED)
    assert data["x"][0, :4] == pytest.approx([-0.332006, -0.471910, -0.778697, -1.009741], abs=1e-6)
    assert data["y"][:12].tolist() == [2, 6, 4, 5, 6, 6, 6, 0, 3, 1, 6, 9]
    assert data["y_test"][:12].tolist() == [2, 6, 3, 9, 4, 3, 1, 9, 5, 2, 0, 7]
    assert np.square(data["x"]).sum() == pytest.approx(159248.25, abs=0.005)
    assert np.square(data["x_test"]).sum() == pytest.approx(40751.75, abs=0.005)
    x, y = whole(frozen.tests["test"])
    assert np.array_equal(x.squeeze(2).numpy(), data["x_test"].astype(np.float32))
    assert y.tolist() == data["y_test"].tolist()
    # Training and validation together are the 4,000 examples, with their classes.
    classes = dict(zip(rows(torch.from_numpy(data["x"]).float()), data["y"].tolist(), strict=True))
    x, y = whole([frozen.training, *frozen.validation])
    assert len(classes) == 4000
    assert {row: classes[row] for row in rows(x)} == dict(zip(rows(x), y.tolist(), strict=True)) == classes


def test_generation_leaves_the_global_generators_unchanged():
    random.seed(3)
    np.random.seed(4)  # noqa: NPY002
    torch.manual_seed(5)
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    made = mnist1d.make(20, 0.5, 1)
    assert states[0] == random.getstate()
    for before, now in zip(states[1], np.random.get_state(), strict=True):  # noqa: NPY002
        assert np.array_equal(before, now)
    assert torch.equal(states[2], torch.get_rng_state())
    assert all(np.array_equal(made[name], again) for name, again in mnist1d.make(20, 0.5, 1).items())
    assert not np.array_equal(made["x"], mnist1d.make(20, 0.5, 2)["x"])


def test_data_are_generated_once_and_cached_without_pickle(frozen, cache, monkeypatch):
    with np.load(cache / NAME, allow_pickle=False) as stored:
        assert {name: stored[name].dtype.kind for name in ("x", "y", "x_test", "y_test")} == {
            "x": "f", "y": "i", "x_test": "f", "y_test": "i",
        }  # fmt: skip

    def never(*arguments):
        raise AssertionError("generated again")

    monkeypatch.setattr(mnist1d, "make", never)
    again = MNIST1D(cache=str(cache))
    again.setup()
    assert torch.equal(again.training.x, frozen.training.x)
    assert list(again.tests) == ["test", "generated"]
    assert not list(cache.glob("*.part"))


def test_a_cache_that_cannot_be_written_is_a_warning_and_leaves_nothing(frozen, tmp_path, monkeypatch, caplog):
    whole = frozen.tests["test"][0]

    def full(*arguments, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mnist1d, "make", lambda *arguments: {"x": whole.x.numpy()})
    monkeypatch.setattr(np, "savez_compressed", full)
    mnist1d.load(tmp_path / "new", 5000, 0.8, 42)
    assert list((tmp_path / "new").iterdir()) == []
    assert "could not be cached" in caplog.text


def test_frozen_splits_are_disjoint_and_stratified(frozen):
    sets = {"training": [frozen.training], "validation": frozen.validation, **frozen.tests}
    sizes = {name: len(whole(batches)[1]) for name, batches in sets.items()}
    assert sizes == {"training": 3200, "validation": 800, "test": 1000, "generated": 10_000}
    found = rows(*(whole(batches)[0] for batches in sets.values()))
    assert len(set(found)) == len(found) == 15_000
    training, validation = shares(frozen.training.y), shares(whole(frozen.validation)[1])
    assert (training - validation).abs().max() <= 2 / 800
    assert all(batch.x.shape[1:] == (40, 1) for batches in sets.values() for batch in batches)


def test_seed_splits(seeds, frozen):
    sets = {"training": [seeds.training], "validation": seeds.validation, **seeds.tests}
    sizes = {name: len(whole(batches)[1]) for name, batches in sets.items()}
    assert sizes == {"training": 2880, "validation": 320, "test": 800}
    found = rows(*(whole(batches)[0] for batches in sets.values()))
    assert len(set(found)) == 4000
    assert (shares(seeds.training.y) - shares(whole(seeds.validation)[1])).abs().max() <= 2 / 320


def test_splits_are_the_same_for_every_seed(frozen, cache):
    other = MNIST1D(cache=str(cache), seed=5)
    other.setup()
    for ours, theirs in (
        (frozen.training, other.training),
        *zip(frozen.validation, other.validation, strict=True),
        *zip(frozen.tests["generated"], other.tests["generated"], strict=True),
    ):
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(ours.y, theirs.y)


def test_there_are_no_probes(frozen):
    assert frozen.probes() == {}


def test_twenty_steps_are_every_second_feature_from_the_first(frozen, cache):
    short = MNIST1D(cache=str(cache), sequence_length=20)
    short.setup()
    assert short.steps == 20
    for ours, theirs in zip(short.tests["test"], frozen.tests["test"], strict=True):
        assert ours.x.tolist() == [[x for i, x in enumerate(row) if i % 2 == 0] for row in theirs.x.tolist()]
        assert torch.equal(ours.y, theirs.y)
    assert torch.equal(short.training_batch(3).x, frozen.training_batch(3).x[:, ::2])


def test_an_epoch_visits_every_example_at_most_once_in_its_own_order(cache, frozen):
    task = MNIST1D(cache=str(cache), batch_size=300)
    task.setup()
    known = set(rows(frozen.training.x))
    epochs = [rows(*(task.training_batch(10 * p + n).x for n in range(10))) for p in range(3)]
    for visited in epochs:  # ten whole batches of 300; the last 200 of the 3,200 are left out
        assert len(visited) == len(set(visited)) == 3000
        assert set(visited) <= known
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert set(epochs[0]) != set(epochs[1])


def test_a_training_batch_is_a_function_of_seed_and_number(cache):
    tasks = [MNIST1D(cache=str(cache), seed=seed) for seed in (0, 0, 1)]
    for task in tasks:
        task.setup()
    torch.manual_seed(1)
    late = tasks[0].training_batch(51)
    for n in range(51):
        tasks[1].training_batch(n)
    assert torch.equal(late.x, tasks[1].training_batch(51).x)
    assert torch.equal(late.y, tasks[1].training_batch(51).y)
    assert not torch.equal(tasks[0].training_batch(0).x, tasks[2].training_batch(0).x)
    assert not torch.equal(tasks[0].training_batch(0).x, tasks[0].training_batch(50).x)  # the second epoch


@pytest.mark.parametrize(("setup", "most"), [("frozen", 3200), ("seed", 2880)])
def test_refusals(setup, most):
    assert MNIST1D(setup=setup, batch_size=most).batch_size == most
    with pytest.raises(Refusal) as refusal:
        MNIST1D(setup=setup, batch_size=most + 1)
    text = f"batch_size={most + 1}: must be an integer of at least 1 and at most {most}"
    assert str(refusal.value) == text
    with pytest.raises(Refusal, match="sequence_length=30: must be one of 40, 20"):
        MNIST1D(setup=setup, sequence_length=30)
    with pytest.raises(Refusal, match="setup='thawed': must be one of frozen, seed"):
        MNIST1D(setup="thawed")
