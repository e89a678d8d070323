"""Test at the end of a run, of the best checkpoint by validation, with figures."""

import logging
from typing import Any

from ..callbacks.pictures import DRAWINGS, draw, save
from ..figures.png import figure_errors_as_warnings
from ..figures.style import Figure
from .load import load_weights
from .parts import Parts
from .quiet import quiet

log = logging.getLogger(__name__)


def test_and_draw(parts: Parts) -> dict[str, Any]:
    """Test the best checkpoint and save figures in the run folder; returns metrics by test set."""
    cfg, folder, learner, task, trainer = parts[:5]
    load_weights(learner.network, folder.best)
    with quiet():
        trainer.test(learner, datamodule=task, verbose=False)
    figures: dict[str, Figure] = {}
    with figure_errors_as_warnings("of the examples"):
        figures |= draw(learner, task.examples(), cfg["figure"]["cmap"])
    for name in getattr(getattr(learner.network, "cell", None), "drawings", ()):
        with figure_errors_as_warnings(name):
            figures[name] = DRAWINGS[name](learner.network.cell)
    save(figures, folder.path)
    own = learner.network.memory_slots
    for name, metrics in learner.tested.items():
        if own is not None and metrics["memory_slots"] > own:
            log.info("%s was tested with %d memory slots instead of %d.", name, metrics["memory_slots"], own)
    tested = dict(learner.tested)
    return {**tested.pop("test"), **tested} if "test" in tested else tested
