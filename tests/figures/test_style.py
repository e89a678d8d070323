"""Figures do not depend on the settings of matplotlib, and do not change them."""

import matplotlib
import numpy as np
import pytest
from torch.utils.tensorboard._utils import figure_to_image

from src.figures.addressing_examples import addressing_examples
from src.figures.bars import bars
from src.figures.grid import metric_grid
from src.figures.head_weights import head_weights
from src.figures.learning_curves import learning_curves
from src.figures.memory import HeadTrace, memory
from src.figures.png import pngs
from src.figures.seeds import SeedGroup, seeds
from src.figures.style import Figure, default_style
from src.figures.target_output import TargetOutputPanel, target_output
from tests.figures.hostile import hostile

WEIGHTS = np.eye(12)[:, :8]
VALUES = np.linspace(-2, 5, 96).reshape(12, 8)
MAKE = {
    "addressing_examples": lambda: addressing_examples(WEIGHTS[None, None, 3], [0.5], [1.0], before=3),
    "bars": lambda: bars(["a", "b"], {"speed": [1.0, 250.0]}, "seconds"),
    "grid": lambda: metric_grid(
        VALUES[:2, :3], (1, 2), (3, 4, 5), ("length", "repeats"), "error", False, ((1, 1), (3, 4))
    ),
    "head_weights": lambda: head_weights(WEIGHTS[:, None], ["read head"], marks={"answer": 4}),
    "learning_curves": lambda: learning_curves(1e4 * np.arange(8.0), {"loss": VALUES[9]}, "sequences", ["loss"]),
    "memory": lambda: memory({"at the end": VALUES[:8]}, [HeadTrace("read head", "read", VALUES[:, :3], WEIGHTS)]),
    "seeds": lambda: seeds(
        {"10x20": [SeedGroup("ntm", VALUES[2], 0.1, (0.0, 0.2))]}, "error", {"10x20": {"published": 0.05}}
    ),
    "target_output": lambda: target_output([TargetOutputPanel("Length 3", WEIGHTS, WEIGHTS * 0.5)]),
    "with the class alone": lambda: Figure(figsize=(3, 2)),
}


def drawn(figure):
    return pngs({"it": figure}, 60)["it"]


@pytest.mark.parametrize("name", MAKE)
def test_a_hostile_matplotlibrc_changes_no_pixel(name, tmp_path):
    plain = drawn(MAKE[name]())
    with hostile(tmp_path):
        assert drawn(MAKE[name]()) == plain
        made = MAKE[name]()
        image = figure_to_image(MAKE[name]())  # as TensorBoard has it
    assert drawn(made) == plain
    np.testing.assert_array_equal(image, figure_to_image(MAKE[name]()))


def test_the_hostile_settings_do_spoil_a_figure_of_matplotlib(tmp_path):
    plain = matplotlib.figure.Figure(figsize=(3, 2))
    before = drawn(plain)
    with hostile(tmp_path):
        assert drawn(plain) != before


def test_settings_and_backend_of_the_caller_stay(tmp_path):
    with hostile(tmp_path):
        before = dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)
        for make in MAKE.values():
            drawn(make())
        with pytest.raises(ValueError, match="cells"), default_style():
            raise ValueError("cells")
        assert (dict(matplotlib.rcParams), matplotlib.get_backend(auto_select=False)) == before
