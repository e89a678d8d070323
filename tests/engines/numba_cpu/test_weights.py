"""The joint matrix of a controller's gates: every number of every parameter has one place in it."""

import numpy as np
import pytest

from src.engines.numba_cpu import weights

CASES = {
    "lstm": (weights._lstm, (5, 4, 3), 0),
    "gru": (weights._gru, (5, 4, 3), 60),  # a candidate of the input has no state, and the reverse
    "feedforward": (weights._feedforward, (5, 4, 3), 0),
    # The forget gates of the counters, and what others do not see.
    "counters": (weights._counter_lstm, (5, 4, 3, 2, 5, 1), 2 * 13 + 16),
    "no feedback": (weights._counter_lstm, (5, 4, 3, 2, 3, 1), 2 * 13 + 16 + 18 * 2),
    "no counters": (weights._counter_lstm, (5, 4, 3, 0, 5, 1), 20),
    "counters, raw": (weights._counter_lstm, (5, 4, 3, 2, 5, 0), 2 * 13),
}


@pytest.mark.parametrize(("joint", "sizes", "empty"), CASES.values(), ids=CASES)
def test_every_number_of_a_parameter_has_one_place(joint, sizes, empty):
    joint = joint(*sizes)
    filled = np.zeros((joint.rows, joint.columns), int)
    used = [np.zeros(shape, int) for shape in joint.shapes.values()]
    for block in joint.blocks:
        used[block.parameter][block.own] += 1
        filled[block.rows, block.columns] += not block.adds
    assert all((one == 1).all() for one in used)
    assert filled.max() == 1
    assert (filled == 0).sum() == empty
