"""The run's settings in every logger from the start of a run, and TensorBoard's layout of custom scalars."""

import re
import textwrap
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf

from ..lit.learner import Learner
from ..tasks.axes import title_of
from . import hparams

#: Category -> title of a chart -> kind of the chart and regular expressions of its tags.
Layout = dict[str, dict[str, tuple[str, list[str]]]]


class Dashboard(Callback):
    """Writes the settings and the layout once, and flushes the loggers after every validation.

    TensorBoard shows the settings in HPARAMS, and all of config.yaml under TEXT.

    Args:
        folder: run folder.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if not trainer.loggers or not isinstance(pl_module, Learner):
            return
        text = (self.folder / "config.yaml").read_text(encoding="utf-8")
        cfg = OmegaConf.to_container(OmegaConf.create(text))
        assert isinstance(cfg, dict)
        plain = {str(key): value for key, value in cfg.items()}
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_custom_scalars(layout(pl_module))
                logger.experiment.add_text("config.yaml", textwrap.indent(text, "    "))  # a block of Markdown
                hparams.write(logger, hparams.session_start(hparams.hyperparameters(plain)))
            else:
                logger.log_hyperparams(plain)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        for logger in trainer.loggers:
            logger.save()  # by default events are flushed only every two minutes


def layout(learner: Learner) -> Layout:
    """The charts of a run, by category: training, generalisation and, where there are heads, addressing.

    TensorBoard merges identical charts of several runs into one, so charts do not depend on the model, except for
    the category of addressing.
    """
    objective = learner.objective
    training = {
        "loss: training and validation": lines("train/loss", "validation/loss"),
        f"{objective.metric(objective.headline).label}: validation": lines(f"validation/{objective.headline}"),
        "learning rate": lines("optimizer/lr"),
        "norm of the gradient, before clipping": lines("optimizer/gradient_norm"),
        "speed: sequences a second": lines("speed/sequences_per_second"),
    }
    probes = {probe: title_of(learner.task.axes, probe) for probe in learner.task.probes()}
    generalisation = {}
    for metric in objective.reach:
        label, in_training = objective.metric(metric).label, metric == objective.reach[0]
        title, tags = ("training and validation", [f"train/{metric}"]) if in_training else ("validation", [])
        generalisation[f"{label}: {title}"] = lines(*tags, f"validation/{metric}")
        generalisation |= {
            f"{label}: {title}": lines(f"generalisation/{probe}/{metric}") for probe, title in probes.items()
        }
    charts: Layout = {"training": training, "generalisation": generalisation}
    if any(re.match("(read|write) head", name) for name in getattr(learner.network, "head_names", ())):
        # Width and sigma share a chart, though not all heads have a sigma: when TensorBoard merges the layouts of
        # several runs, it may drop charts that only a later run has.
        charts["addressing"] = {
            f"{kind} heads: {title}": ("Multiline", [f"^heads/{kind} head( \\d+)?/{tags}$"])
            for title, tags in (("position (slot)", "position"), ("width and sigma (slots)", "(width|sigma.*)"))
            for kind in ("write", "read")
        }
    return charts


def lines(*tags: str) -> tuple[str, list[str]]:
    """A chart with one line for each tag of every run."""
    return "Multiline", [f"^{re.escape(tag)}$" for tag in tags]
