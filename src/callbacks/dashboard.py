"""TensorBoard as one would want to find it: charts side by side, and the run in HPARAMS from its start."""

import re
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf

from src.callbacks import hparams
from src.lit.learner import Learner

#: Category -> title of a chart -> its kind and its tags, which TensorBoard takes as regular expressions.
Layout = dict[str, dict[str, tuple[str, list[str]]]]


class Dashboard(Callback):
    """Writes the layout of the custom scalars and the run's settings once, and keeps what is shown fresh.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        logger = trainer.logger
        if not isinstance(logger, TensorBoardLogger) or not isinstance(pl_module, Learner):
            return
        logger.experiment.add_custom_scalars(layout(pl_module))
        cfg = OmegaConf.to_container(OmegaConf.load(self.folder / "config.yaml"))
        assert isinstance(cfg, dict)
        settings = hparams.hyperparameters({str(key): value for key, value in cfg.items()})
        hparams.write(logger, hparams.session_start(settings))

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.logger is not None:
            trainer.logger.save()  # TensorBoard's own turn comes only every two minutes


def layout(learner: Learner) -> Layout:
    """The charts of a run, by category: training, generalisation and, where there are heads, addressing.

    TensorBoard shows a chart once that several runs ask for in the same words; so charts name no model, and
    only what a chart must not be without.
    """
    objective = learner.objective
    training = {
        "loss: training and validation": lines("train/loss", "validation/loss"),
        f"{objective.metric(objective.headline).told}: validation": lines(f"validation/{objective.headline}"),
        "learning rate": lines("optimizer/lr"),
        "norm of the gradient, before clipping": lines("optimizer/gradient_norm"),
        "speed: sequences a second": lines("speed/sequences_per_second"),
    }
    probes = list(learner.task.probes())
    generalisation = {}
    for metric in objective.reach:
        told, trained = objective.metric(metric).told, metric == objective.reach[0]
        title, tags = ("training and validation", [f"train/{metric}"]) if trained else ("validation", [])
        generalisation[f"{told}: {title}"] = lines(*tags, f"validation/{metric}")
        generalisation |= {f"{told}: {probe}": lines(f"generalisation/{probe}/{metric}") for probe in probes}
    charts: Layout = {"training": training, "generalisation": generalisation}
    if learner.network.memory_slots is not None:
        # One chart of width and sigma, though not all heads have a sigma: when it merges the layouts of several
        # runs, TensorBoard may drop charts that only a later one has.
        charts["addressing"] = {
            f"{kind} heads: {title}": ("Multiline", [f"^heads/{kind} head( \\d+)?/{tags}$"])
            for title, tags in (("position (slot)", "position"), ("width and sigma (slots)", "(width|sigma.*)"))
            for kind in ("write", "read")
        }
    return charts


def lines(*tags: str) -> tuple[str, list[str]]:
    """A chart with a line for each of these tags in every run."""
    return "Multiline", [f"^{re.escape(tag)}$" for tag in tags]
