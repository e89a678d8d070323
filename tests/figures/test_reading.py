"""Class probabilities: the panels show the input and the probabilities."""

import numpy as np
import pytest

from src.figures.reading import reading


def softmax(values):
    powers = np.exp(values)
    return powers / powers.sum(-1, keepdims=True)


@pytest.fixture
def source():
    return np.random.default_rng(0)


def test_the_sequence_and_a_line_for_each_class(source, draw):
    x, probabilities = source.normal(size=7), softmax(source.normal(size=(7, 4)))
    figure = reading(x, probabilities, answer=2, title="a 2")
    draw(figure)
    above, below = figure.axes
    assert np.array_equal(above.lines[0].get_ydata(), x)
    assert [line.get_label() for line in below.lines] == ["0", "1", "2 (right)", "3"]
    for k, line in enumerate(below.lines):
        assert np.array_equal(line.get_ydata(), probabilities[:, k])
    widths = [line.get_linewidth() for line in below.lines]
    assert widths.index(max(widths)) == 2


def test_a_network_that_answers_once_gets_bars(source, draw):
    probabilities = softmax(source.normal(size=(1, 5)))
    figure = reading(source.normal(size=9), probabilities, answer=3, title="a 3")
    draw(figure)
    below = figure.axes[1]
    assert np.allclose([bar.get_height() for bar in below.patches], probabilities[0])
    assert "3" in below.get_xlabel()
