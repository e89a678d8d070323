"""A function called as Hydra calls one: with its logging, environment and HydraConfig, and .hydra/ written."""

from collections.abc import Callable
from typing import TypeVar

from hydra import version
from hydra._internal.callbacks import Callbacks
from hydra.core.utils import JobRuntime, run_job, setup_globals
from hydra.types import HydraContext
from omegaconf import DictConfig

from src.settings.job import Job, writable

T = TypeVar("T")


def call(job: Job, function: Callable[[DictConfig], T], keep: bool = True) -> T:
    """Call a function with the configuration of a job, in this process; whatever it raises is raised.

    Args:
        job: what to do, and where.
        function: of the configuration without Hydra's own node.
        keep: leave the command line and the settings in hydra.output_subdir of the folder.
    """
    # What a process lacks that has composed nothing, as on another machine.
    setup_globals()
    version.setbase("1.3")
    cfg = job.whole()
    JobRuntime().set("name", cfg.hydra.job.name)
    if not keep:
        with writable(cfg):
            cfg.hydra.output_subdir = None
    results: list[T] = []
    failures: list[Exception] = []

    def task(own: DictConfig) -> None:
        try:
            results.append(function(own))
        except Exception as failure:
            failures.append(failure)
            raise

    callbacks, name = Callbacks(cfg), cfg.hydra.job.config_name
    context = HydraContext(None, callbacks)  # type: ignore[arg-type]  # nothing is loaded any more
    if job.sweep is None:
        callbacks.on_run_start(config=cfg, config_name=name)
    ended = run_job(task, cfg, "hydra.runtime.output_dir", None, context)
    if job.sweep is None:
        callbacks.on_run_end(config=cfg, config_name=name, job_return=ended)
    if failures:
        raise failures[0]
    return results[0]
