"""Calls of a function as Hydra makes them: with logging, environment and HydraConfig set, and .hydra/ written."""

from collections.abc import Callable
from typing import Any, TypeVar

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra.core.utils import JobRuntime, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from .job import Job, writable

T = TypeVar("T")


def call(job: Job, function: Callable[[DictConfig], T], keep: bool = True) -> T:
    """Call a function with the configuration of a job, in this process; exceptions of the function are raised.

    Args:
        job: the job: configuration and folder.
        function: takes the configuration without Hydra's own node.
        keep: write the command line and the settings in hydra.output_subdir of the folder.
    """
    # A process that has composed nothing, as on another machine, lacks these.
    setup_globals()
    version.setbase("1.3")
    cfg = job.whole()
    JobRuntime().set("name", cfg.hydra.job.name)
    if not keep:
        with writable(cfg):
            cfg.hydra.output_subdir = None
    results: list[T] = []
    failures: list[Exception] = []

    def task(settings: DictConfig) -> Any:
        try:
            results.append(function(settings))
            return getattr(results[0], "value", None)  # the metric to minimise, for Hydra's callbacks
        except Exception as failure:
            failures.append(failure)
            raise

    callbacks, name = Callbacks(cfg), cfg.hydra.job.config_name
    context = HydraContext(None, callbacks)  # type: ignore[arg-type]  # the loader is not used
    if job.sweep is None:
        callbacks.on_run_start(config=cfg, config_name=name)
    ended = run_job(task, cfg, "hydra.runtime.output_dir", None, context)
    if job.sweep is None:
        callbacks.on_run_end(config=cfg, config_name=name, job_return=ended)
    if failures:
        raise failures[0]
    return results[0]
