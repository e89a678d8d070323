"""Summaries for TensorBoard's HPARAMS tab: settings, final status and final metrics of a run.

The summary that declares an experiment is left out on purpose: with several runs TensorBoard would use that of
one run, and hide settings that only other runs have. Without it, TensorBoard collects the settings of all runs
and shows those first that differ.
"""

import time
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from ..tasks.axes import title_of
from ..tasks.base import Task

#: Settings that every run has, under short names that sort before all others. TensorBoard shows the first names of
#: those that do not differ, and its parallel coordinates omit a run that lacks one of the settings shown.
COMMON = {
    "batch_size": ("task", "batch_size"),
    "gradient_clip": ("trainer", "gradient_clip_val"),
    "lr": ("optimizer", "lr"),
    "max_steps": ("trainer", "max_steps"),
    "model": ("model", "name"),
    "task": ("task", "name"),
}
#: Sections of a configuration whose keys are hyperparameters, and the keys in them that are not.
SECTIONS = ("model", "task", "optimizer", "schedule")
NOT_SETTINGS = (
    *("_target_", "name", "recipe", "cache", "engine", "updates"),
    *("test_cells", "validation_size", "test_size", "cell_size"),
)
STATUS = {"finished": "STATUS_SUCCESS", "diverged": "STATUS_FAILURE", "failed": "STATUS_FAILURE"}
Value = bool | int | float | str


def hyperparameters(cfg: Mapping[str, Any]) -> dict[str, Value]:
    """Hyperparameters of a run: common ones by their short names, others by their config keys.

    Settings that are null are left out, except gradient_clip, which is 0 for no clipping.
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
    """Summary of the settings of a run; types are kept, so booleans are not numbers."""
    info = SessionStartInfo(start_time_secs=time.time())
    for key, value in settings.items():
        kind = {bool: "bool_value", str: "string_value"}.get(type(value), "number_value")
        setattr(info.hparams[key], kind, value)
    return _summary(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=info))


def session_end(status: str) -> Summary:
    """Summary of the final status: success, failure, or unknown for a run that was stopped."""
    info = SessionEndInfo(status=Status.Value(STATUS.get(status, "STATUS_UNKNOWN")), end_time_secs=time.time())
    return _summary(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=info))


def final(metrics: Mapping[str, Any], headline: str, reach: str, task: Task) -> dict[str, float]:
    """Final scalars by tag `final/...`, which sorts first among the metrics in HPARAMS.

    Args:
        metrics: content of metrics.json.
        headline: metric of the in-distribution test set.
        reach: metric of the other test sets.
        task: of the run.
    """
    like_training = task.like_training[0]
    tests = metrics["test"]
    in_distribution = tests.get(like_training, tests)  # a single test set is not nested
    short = reach.split("_")[-1]  # the axes of parallel coordinates need short names
    numbers = {headline: in_distribution.get(headline)}
    numbers |= {
        f"{short} {title_of(task.axes, name)}": one[reach]
        for name, one in tests.items()
        if name != like_training and isinstance(one, Mapping)
    }
    numbers |= {f"validation {headline}": metrics["validation"].get(headline)}
    numbers |= {name: metrics[name] for name in ("seconds", "sequences_to_solve")}
    return {
        f"final/{name.replace('_', ' ')}": float(value) for name, value in numbers.items() if value is not None
    }


def write(logger: TensorBoardLogger, summary: Summary) -> None:
    """Write a summary to the event file of a run."""
    logger.experiment._get_file_writer().add_summary(summary)


def _summary(tag: str, content: HParamsPluginData) -> Summary:
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=content.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])
