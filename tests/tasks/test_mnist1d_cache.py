"""The cache of MNIST-1D: if it is damaged or unusable, there is a log message and the data are right."""

import io
import logging
import random

import numpy as np
import pytest

from src.tasks import mnist1d
from src.tasks.mnist1d import load


@pytest.fixture
def small(monkeypatch):
    """A fast replacement of the authors' generator, with a list of its calls."""
    source = np.random.default_rng(0)
    data = {
        "x": source.normal(size=(80, 40)),
        "y": source.integers(0, 10, 80),
        "x_test": source.normal(size=(20, 40)),
        "y_test": source.integers(0, 10, 20),
    }
    calls = []
    monkeypatch.setattr(mnist1d, "make", lambda *arguments: calls.append(arguments) or dict(data))
    return data, calls


def npy():
    """The content of an npy file, which is no npz archive."""
    file = io.BytesIO()
    np.save(file, np.zeros((80, 40)))
    return file.getvalue()


DAMAGES = {
    "empty": lambda path, good: path.write_bytes(b""),
    "text": lambda path, good: path.write_bytes(b"not a zip file"),
    "half": lambda path, good: path.write_bytes(good[: len(good) // 2]),
    "end missing": lambda path, good: path.write_bytes(good[:-10]),
    "an array alone": lambda path, good: path.write_bytes(npy()),
    "pickled": lambda path, good: np.savez(path, x=np.array([{}]), y=1, x_test=2, y_test=3),
    "one missing": lambda path, good: np.savez(path, x=np.zeros((80, 40)), y=np.zeros(80, int)),
    "flat": lambda path, good: np.savez(path, x=np.zeros(80), y=np.zeros(80), x_test=np.zeros(20), y_test=0),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_generated_again(tmp_path, small, caplog, damage):
    data, calls = small
    path = tmp_path / "mnist1d_100_80_seed3.npz"
    load(tmp_path, 100, 0.8, 3)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    DAMAGES[damage](path, path.read_bytes())
    found = load(tmp_path, 100, 0.8, 3)
    assert all(np.array_equal(found[name], part) for name, part in data.items())
    assert len(calls) == 2
    assert f"The cache {path} is damaged (" in caplog.text
    assert "making it anew" in caplog.text
    caplog.clear()
    found = load(tmp_path, 100, 0.8, 3)
    assert all(np.array_equal(found[name], part) for name, part in data.items())
    assert len(calls) == 2
    assert not caplog.records


def test_a_cache_with_any_byte_changed_gives_the_right_data(tmp_path, small):
    data, _ = small
    load(tmp_path, 100, 0.8, 3)
    path = tmp_path / "mnist1d_100_80_seed3.npz"
    good = path.read_bytes()
    source = random.Random(0)
    places = [
        *range(0, 80, 2),
        *range(len(good) - 300, len(good), 3),
        *(source.randrange(len(good)) for _ in range(60)),
    ]
    for place in places:
        path.write_bytes(good[:place] + bytes([good[place] ^ source.randrange(1, 256)]) + good[place + 1 :])
        found = load(tmp_path, 100, 0.8, 3)
        assert all(np.array_equal(found[name], part) for name, part in data.items())


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path, small, caplog):
    data, calls = small
    (tmp_path / "file").write_text("not a folder")
    found = load(tmp_path / "file" / "cache", 100, 0.8, 3)
    assert all(np.array_equal(found[name], part) for name, part in data.items())
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert f"MNIST-1D could not be cached in {tmp_path / 'file' / 'cache'}" in caplog.text
    assert calls == [(100, 0.8, 3)]
