"""States of the global random generators are saved and restored."""

import random

import numpy as np
import torch

from src.callbacks.randomness import Randomness


def drawn():
    old = np.random
    return torch.rand(3).tolist(), old.rand(3).tolist(), old.randn(), random.random(), random.gauss(0, 1)


def test_states_are_saved_as_plain_values_and_restored(tmp_path):
    drawn()  # leaves the second half of a pair of normal numbers behind, which is part of the state
    torch.save(Randomness().state_dict(), tmp_path / "state")
    expected = drawn()
    assert drawn() != expected
    Randomness().load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    assert drawn() == expected
