"""Figures in the loggers that take pictures: TensorBoard, MLflow, and those with `log_image`, such as W&B."""

import io

from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger
from matplotlib.image import imread

from ..figures.png import pngs
from ..figures.style import Figure

#: Dots per inch of a picture in a logger.
DPI = 100


def takes(logger: Logger) -> bool:
    """Whether a logger takes pictures."""
    return isinstance(logger, TensorBoardLogger | MLFlowLogger) or hasattr(logger, "log_image")


def log(logger: Logger, name: str, figure: Figure, step: int) -> None:
    """Add a figure to a logger that takes pictures, under a name and a step."""
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_figure(name, figure, step)
        return
    for png in pngs({name: figure}, DPI).values():
        picture = imread(io.BytesIO(png))
        if isinstance(logger, MLFlowLogger):
            logger.experiment.log_image(logger.run_id, picture, key=name, step=step)
        else:
            logger.log_image(key=name, images=[picture], step=step)  # type: ignore[attr-defined]
