"""Make a published report from nothing: `python -m src.study study=mnist1d_table`."""

import importlib.metadata
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..common import checks, output
from ..common.paths import CONF, extra, program
from ..common.subprocesses import STOPPED
from ..launch import launchers
from ..settings import cli, errors
from ..settings.errors import ConfigError
from ..settings.experiments import experiment_file
from . import choose, finish
from .fields import experiments
from .forecast import forecast
from .plan import VALIDATION, StudyPlan, Sweep, read
from .remaining import remaining
from .sweeps import LaunchOptions, run_sweep

STAGES = ("tune", "run", "evaluate", "report")


def settings(cfg: Mapping[str, Any]) -> tuple[StudyPlan, LaunchOptions, tuple[str, ...]]:
    """The plan of a study, how its sweeps are launched, and the stages to do.

    Raises:
        ConfigError: a setting or a study that cannot be used.
    """
    plan = read(cfg)
    errors.check("", checks.flag, "dry_run", cfg["dry_run"])
    options = LaunchOptions(
        errors.check("", checks.integer, "workers", cfg["workers"]),
        errors.check("", checks.flag, "retry_failed", cfg["retry_failed"]),
        None if cfg["launcher"] is None else errors.check("", checks.name, "launcher", cfg["launcher"]),
    )
    if options.launcher is not None:
        (job,) = cli.composed("train", [f"hydra/launcher={options.launcher}"], multirun=True)
        launchers.launcher_of(job.launcher).check(job.launcher)
    elif options.workers > 1 and not any(importlib.metadata.distributions(name="hydra-joblib-launcher")):
        raise ConfigError(
            f"workers={options.workers}: needs joblib, which `{extra('parallel')}` installs; must be 1 without"
        )
    parts = {"tune": plan.tuning, "run": plan.sweeps, "evaluate": plan.evaluate, "report": plan.reports}
    stages = tuple(name for name in STAGES if parts[name])
    if cfg["only"] is not None:
        stages = (errors.check("", checks.choice, "only", cfg["only"], stages),)
    cli.check_writable("folder", plan.folder)
    cli.check_writable("published", Path(str(cfg["published"])))
    return plan, options, stages


def study(cfg: Mapping[str, Any]) -> None:
    """Do the remaining work of a study, one stage after another.

    Raises:
        ConfigError: an invalid setting, or a failure; once it is fixed, the same command resumes the study.
        KeyboardInterrupt: the user stopped it.
    """
    plan, options, stages = settings(cfg)
    if options.workers > 1:
        torch.set_num_threads(1)  # parallel jobs have one each, and the estimate measures with as many
    tuning = plan.tuning if "tune" in stages else None
    tuning_sweeps = list(tuning.sweeps.values()) if tuning else []
    main_sweeps = list(plan.sweeps.values()) if "run" in stages else []
    undecided = [one for one in main_sweeps if not has_settings(plan, one)]
    if undecided and tuning is None:
        raise ConfigError(f"{undecided[0].name}: its settings are not chosen yet; only=tune chooses them")
    decided = [one for one in main_sweeps if one not in undecided]
    if plan.tuning and plan.tuning.sets != [VALIDATION]:
        for one in plan.sweeps.values():
            choose.check_unreported(plan, plan.tuning, one)
    if tuning_sweeps or main_sweeps:
        print_forecast(plan, [*tuning_sweeps, *decided], options)
    if undecided:
        print(f"{', '.join(one.name for one in undecided)}: estimated after the choice", flush=True)
    if cfg["dry_run"]:
        return
    if tuning:
        for one in tuning_sweeps:
            run_sweep(one, options)
        changed = choose.choose(plan, tuning)
        if differing := choose.uncommitted(plan, tuning):
            advice = f"commit {', '.join(differing)}, so that the runs record a clean revision"
            print(f"The chosen settings differ from the commit that is checked out: {advice}.", flush=True)
        if main_sweeps and (undecided or changed):
            print_forecast(plan, main_sweeps, options)
    for one in main_sweeps:
        run_sweep(one, options)
    if "evaluate" in stages:
        finish.evaluate_finished(plan, options.workers if options.launcher is None else 1)
    if "report" in stages:
        finish.publish(plan, Path(str(cfg["published"])))


def has_settings(plan: StudyPlan, of: Sweep) -> bool:
    """Whether all experiment files of a sweep exist, those that the tuning writes among them."""
    return all(
        any(experiment_file(at, name).exists() for at in (plan.conf, Path(CONF)))
        for name in experiments(of.overrides)
    )


def print_forecast(plan: StudyPlan, sweeps: list[Sweep], options: LaunchOptions) -> None:
    """Print how long the remaining jobs of sweeps will take.

    Raises:
        ConfigError: jobs that cannot be composed, or do not suit the tuning or the evaluation.
    """
    todo = {one.name: remaining(one, options.retry_failed) for one in sweeps}
    if plan.tuning:
        for one in plan.tuning.sweeps.values():
            choose.check_metric(plan.tuning.metric, one.name, todo.get(one.name, []))
            choose.check_tested(plan.tuning, one.name, todo.get(one.name, []))
    for name in plan.evaluate:
        finish.check_settings(plan, name, todo.get(name, []))
    print(f"\n{forecast(todo, options.workers)}\n", flush=True)


def main(cfg: dict[str, Any]) -> None:
    """Run or resume one study."""
    try:
        study(cfg)
    except KeyboardInterrupt:
        print(f"\nstopped; to resume: {program('study')} {shlex.join(sys.argv[1:])}", file=sys.stderr)
        sys.exit(STOPPED)


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse an invalid study."""
    settings(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("study", main, refuse)
