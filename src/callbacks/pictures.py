"""Figures and head scalars in the loggers during training, and PNG files at the end."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from ..cells.dms_ntm import DMSNTM
from ..cells.trace import Trace
from ..common import checks
from ..common.files import write_whole
from ..figures.addressing_examples import addressing_examples
from ..figures.head_weights import head_weights
from ..figures.learning_curves import learning_curves
from ..figures.png import figure_errors_as_warnings, pngs
from ..figures.style import Figure
from ..lit import baselines, objectives
from ..lit.learner import Learner, evaluating
from ..memory import addressing
from ..tasks.base import Example
from . import images
from .history import History
from .trace_figures import draw_trace

#: Dots per inch of PNG files.
DPI = 150


class Pictures(Callback):
    """Draws the network's answer to the first example of the task, its memory and its head weightings.

    During training, figures go to the loggers after every `every`-th validation and the last; at the end, the
    learning curves become a PNG file. The other PNG files show the checkpoint that validation chose and are drawn
    in `src.run`. A figure that cannot be drawn gives a warning.

    Args:
        folder: run folder.
        every: number of validations from one set of figures in the loggers to the next.
        cmap: matplotlib colour map.
    """

    def __init__(self, folder: str, every: int = 8, cmap: str = "jet") -> None:
        self.folder = Path(folder)
        self.every = checks.integer("every", every)
        self.cmap = cmap
        self.validations = 0
        self.drawn_at = -1

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.state.fn != "fit" or not isinstance(pl_module, Learner):
            return
        self.validations += 1
        if not trainer.loggers:
            return
        scalars = head_scalars(pl_module, pl_module.task.examples()[0])
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step)
        if (self.validations - 1) % self.every == 0:
            self.show(trainer, pl_module)

    def show(self, trainer: lightning.Trainer, learner: Learner) -> None:
        """Give figures of the first example to the loggers that take any, at most once an update."""
        takers = [logger for logger in trainer.loggers if images.takes(logger)]
        if takers and self.drawn_at != trainer.global_step:
            self.drawn_at = trainer.global_step
            with figure_errors_as_warnings("of the first example"):
                for name, figure in draw_first(learner, learner.task.examples()[0], self.cmap).items():
                    for logger in takers:
                        with figure_errors_as_warnings(name):  # on a full disk the next scalar fails, too
                            images.log(logger, name, figure, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"validations": self.validations}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.validations = state_dict["validations"]

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        history = next((c for c in trainer.callbacks if isinstance(c, History)), None)  # type: ignore[attr-defined]
        if isinstance(pl_module, Learner) and history is not None and history.rows and trainer.is_global_zero:
            self.show(trainer, pl_module)
            figures: dict[str, Figure] = {}
            task = pl_module.task
            known = baselines.of_sets(task, {"validation": task.validation})
            with figure_errors_as_warnings("learning_curves"):
                lines = baselines.by_word(known, "validation", pl_module.objective.names)
                figures["learning_curves"] = draw_history(history.rows, lines)
            save(figures, self.folder)


def save(figures: dict[str, Figure], folder: Path) -> None:
    """Write figures as PNG files into `figures` of a run folder."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in pngs(figures, DPI).items():
        write_whole(folder / "figures" / f"{name}.png", content)


#: An example, the output [1, T, O] of the network and its trace.
Traced = tuple[Example, torch.Tensor, Trace]


def draw(learner: Learner, examples: list[Example], cmap: str) -> dict[str, Figure]:
    """Figures of some examples by name: answers to all, head weightings in each, the memory in the first.

    A figure that cannot be drawn is left out, with a warning.
    """
    traced = [(example, *trace(learner, example)) for example in examples]
    figures = _answers_and_memory(learner, traced, cmap)
    for example, _, seen in traced:
        if "weighting" in seen:
            weights = seen["weighting"][0].numpy()
            name = "head_weights" if example is examples[0] else f"head_weights_{example.name}"
            with figure_errors_as_warnings(name):
                figures[name] = head_weights(weights, learner.network.head_names, cmap, example.marks)
    return figures


def draw_first(learner: Learner, example: Example, cmap: str) -> dict[str, Figure]:
    """Figures of one example for the loggers: the answer, and memory and heads."""
    return _answers_and_memory(learner, [(example, *trace(learner, example))], cmap)


def _answers_and_memory(learner: Learner, traced: list[Traced], cmap: str) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    objective = learner.objective
    with figure_errors_as_warnings(objective.picture):
        answers = [objective.answer(example, y) for example, y, _ in traced]
        figures[objective.picture] = objective.draw(answers, cmap)
    example, _, seen = traced[0]
    return figures | draw_trace(learner.network, example, seen, cmap)


def trace(learner: Learner, example: Example) -> tuple[torch.Tensor, Trace]:
    """Output [1, T, O] of the network for an example and its trace, on the CPU, in evaluation mode."""
    network: Any = learner.network
    x = example.x.to(next(network.parameters()))
    with evaluating(network):
        state = learner.initial_state(example, learner.slots_for(example))
        y, _, seen = network.trace(x) if state is None else network.trace(x, state)
    return y.cpu(), Trace.of(seen).map(lambda tensor: tensor.cpu())


def head_scalars(learner: Learner, example: Example) -> dict[str, float]:
    """Last position, mean width and mean sigma of each head in an example, by tag; empty without heads.

    Position and width are those of `Trace.place`; sigma is the width parameter of a focus.
    """
    _, seen = trace(learner, example)
    if "weighting" not in seen:
        return {}
    position, width = seen.place
    position, width = position[0, -1], width[0].mean(0)
    scalars = {}
    for h, name in enumerate(learner.network.head_names):
        scalars[f"heads/{name}/position"] = float(position[h])
        scalars[f"heads/{name}/width"] = float(width[h])
        if "sigma" in seen:
            for k, sigma in enumerate(seen["sigma"][0, :, h].mean(0)):
                scale = f"_{k + 1}" if seen["sigma"].shape[3] > 1 else ""
                scalars[f"heads/{name}/sigma{scale}"] = float(sigma)
    return scalars


def draw_history(rows: list[dict[str, Any]], known: Mapping[str, Mapping[str, float]] | None = None) -> Figure:
    """Learning curves: training loss and validation metrics but details, with baselines by word and metric."""
    left_out = {"update", "sequences", "seconds", "lr", "gradient_norm"}
    names = [name for name in rows[0] if name not in left_out and not objectives.is_detail(name)]
    curves = {name: np.array([row[name] for row in rows], dtype=float) for name in names}
    words = {"train_loss": "training loss", "loss": "validation loss"}
    metrics = {name: objectives.metric("loss" if name == "train_loss" else name) for name in curves}
    labels = {name: words.get(name, name.replace("_", " ")) for name in curves}
    log = [labels[name] for name, metric in metrics.items() if metric is not None and metric.logarithmic]
    curves = {labels[name]: values for name, values in curves.items()}
    lines = {
        word: {labels[name]: value for name, value in values.items() if name in labels}
        for word, values in (known or {}).items()
    }
    return learning_curves(np.array([row["sequences"] for row in rows]), curves, "sequences", log, lines)


def draw_addressing(cell: DMSNTM) -> Figure:
    """Figure of the focus of a cell, Gaussian or with a heavy tail, for a grid of shifts and widths."""
    deltas, sigmas, slots, before = (0.0, 0.5, 1.0, 2.5, -3.0), (0.3, 0.5, 1.0, 2.0, 4.0), 17, 8
    delta, sigma = torch.meshgrid(torch.tensor(deltas), torch.tensor(sigmas), indexing="ij")
    focus, every = addressing.KERNELS[cell.kernel], torch.ones_like(sigma).unsqueeze(2)
    kernels = focus(before + delta, sigma.unsqueeze(2), every, slots)
    return addressing_examples(kernels.numpy(), deltas, sigmas, before)


#: Figures that explain a kind of cell independently of training, by the names in `Cell.drawings`.
DRAWINGS = {"addressing_examples": draw_addressing}
