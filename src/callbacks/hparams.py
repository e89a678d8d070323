"""What TensorBoard's HPARAMS tab knows of a run: its settings from the start, how it ended, its last numbers.

The summary that declares an experiment is left out on purpose: of several runs TensorBoard would take that of any
one of them, and hide the settings that only the others have. Without it, it gathers the settings of all runs and
their types, and shows those first that differ.
"""

import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

#: Settings that every run has, by short names that sort before all others: of those that do not differ,
#: TensorBoard shows the first, and its parallel coordinates leave out a run that lacks one of those shown.
COMMON = {
    "batch_size": ("task", "batch_size"),
    "gradient_clip": ("trainer", "gradient_clip_val"),
    "lr": ("optimizer", "lr"),
    "max_steps": ("trainer", "max_steps"),
    "model": ("model", "name"),
    "task": ("task", "name"),
}
#: Sections of a configuration whose other keys are settings too, and what in them changes nothing that is learned.
SECTIONS = ("model", "task", "optimizer", "schedule")
NOT_SETTINGS = (
    *("_target_", "name", "recipe", "cache", "engine", "updates"),
    *("test_cells", "validation_size", "test_size", "cell_size"),
)
STATUS = {"finished": "STATUS_SUCCESS", "diverged": "STATUS_FAILURE", "failed": "STATUS_FAILURE"}
Value = bool | int | float | str


def hyperparameters(cfg: Mapping[str, Any]) -> dict[str, Value]:
    """Settings, but for the common ones by the names that the command line has.

    One that is null is left out, but for gradient_clip: 0 is no clipping.
    """
    flat = {name: cfg[section].get(key) for name, (section, key) in COMMON.items()}
    flat |= {"seed": cfg["seed"], "gradient_clip": flat["gradient_clip"] or 0.0}
    for section in SECTIONS:
        for key, value in cfg[section].items():
            if key not in NOT_SETTINGS and (section, key) not in COMMON.values():
                flat[f"{section}.{key}"] = value
    return {
        key: value if isinstance(value, bool | int | float | str) else str(value)
        for key, value in flat.items()
        if value is not None
    }


def session_start(settings: Mapping[str, Value]) -> Summary:
    """The settings of a run, each of its own type: true and false are no numbers."""
    info = SessionStartInfo(start_time_secs=time.time())
    for key, value in settings.items():
        kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        setattr(info.hparams[key], kind, value)
    return _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def session_end(status: str) -> Summary:
    """How a run ended: success, failure, or, where it was stopped, unknown."""
    info = SessionEndInfo(status=Status.Value(STATUS.get(status, "STATUS_UNKNOWN")), end_time_secs=time.time())
    return _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def final(metrics: Mapping[str, Any], headline: str, reach: str, like_training: str) -> dict[str, float]:
    """The numbers of metrics.json to compare runs by; first by name, and so shown, among all of HPARAMS.

    Args:
        metrics: as in metrics.json.
        headline: the metric of the test like training.
        reach: the metric of the tests beyond training.
        like_training: the name of the test like training.
    """
    tests = metrics["test"]
    alike = tests.get(like_training, tests)  # of the only test, the metrics stand by themselves
    short = reach.split("_")[-1]  # so that the axes of parallel coordinates have room for their names
    numbers = {headline: alike.get(headline)}
    numbers |= {
        f"{short} {name}": one[reach]
        for name, one in tests.items()
        if name != like_training and isinstance(one, Mapping)
    }
    numbers |= {f"validation {headline}": metrics["validation"].get(headline)}
    numbers |= {name: metrics[name] for name in ("seconds", "sequences_to_solve")}
    return {
        f"final/{name.replace('_', ' ')}": float(value) for name, value in numbers.items() if value is not None
    }


def write(logger: TensorBoardLogger, summary: Summary) -> None:
    """Put a summary into the events of a run."""
    logger.experiment._get_file_writer().add_summary(summary)


def _summary(tag: str, content: HParamsPluginData) -> Summary:
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
