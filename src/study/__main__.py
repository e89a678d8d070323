"""Make a table or a figure of the README, from tuning to report: `python -m src.study study=mnist1d_table`."""

import importlib.metadata
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from src.common import checks, output
from src.common.paths import CONF
from src.launch import launchers
from src.settings import cli, errors
from src.settings.errors import ConfigError
from src.settings.experiments import experiment_file
from src.study import choose, finish
from src.study.carry import Crew, carry_out
from src.study.fields import experiments
from src.study.forecast import forecast
from src.study.left import left
from src.study.plan import Plan, Sweep, read

STAGES = ("tune", "run", "evaluate", "report")


def settings(cfg: Mapping[str, Any]) -> tuple[Plan, Crew, tuple[str, ...]]:
    """What is to be done, by how many, and which stages of it.

    Raises:
        ConfigError: a setting or a study that cannot be used.
    """
    plan = read(cfg)
    errors.check("", checks.flag, "dry_run", cfg["dry_run"])
    crew = Crew(
        errors.check("", checks.integer, "workers", cfg["workers"]),
        errors.check("", checks.flag, "retry_failed", cfg["retry_failed"]),
        cfg["launcher"],
    )
    if crew.launcher is not None:
        (job,) = cli.composed("train", [f"hydra/launcher={crew.launcher}"], multirun=True)
        launchers.of(job.launcher).check(job.launcher)
    elif crew.workers > 1 and not any(importlib.metadata.distributions(name="hydra-joblib-launcher")):
        raise ConfigError(
            f"workers={crew.workers}: needs joblib, which `make parallel` installs; must be 1 without"
        )
    there = {"tune": plan.tuning, "run": plan.sweeps, "evaluate": plan.evaluate, "report": plan.reports}
    stages = tuple(name for name in STAGES if there[name])
    if cfg["only"] is not None:
        stages = (errors.check("", checks.choice, "only", cfg["only"], stages),)
    cli.check_writable("folder", plan.folder)
    cli.check_writable("published", Path(str(cfg["published"])))
    return plan, crew, stages


def study(cfg: Mapping[str, Any]) -> None:
    """Do what is left of a study, one stage after another.

    Raises:
        ConfigError: what cannot be done, or what went wrong; the same command goes on when that is mended.
        KeyboardInterrupt: the user stopped it.
    """
    plan, crew, stages = settings(cfg)
    if crew.workers > 1:
        torch.set_num_threads(1)  # jobs side by side have one each, and are measured so
    tuning = plan.tuning if "tune" in stages else None
    tuned = list(tuning.sweeps.values()) if tuning else []
    main_sweeps = list(plan.sweeps.values()) if "run" in stages else []
    unknown = [one for one in main_sweeps if not chosen(plan, one)]
    if unknown and tuning is None:
        raise ConfigError(f"{unknown[0].name}: its settings are not chosen yet; only=tune chooses them")
    known = [one for one in main_sweeps if one not in unknown]
    if tuned or main_sweeps:
        tell([*tuned, *known], crew)
    if unknown:
        print(f"{', '.join(one.name for one in unknown)}: estimated after the choice", flush=True)
    if cfg["dry_run"]:
        return
    if tuning:
        for one in tuned:
            carry_out(one, crew)
        changed = choose.choose(plan, tuning)
        if differing := choose.uncommitted(plan, tuning):
            told = f"commit {', '.join(differing)}, so that the runs carry a clean revision"
            print(f"The settings that were chosen differ from the commit that is checked out: {told}.", flush=True)
        if main_sweeps and (unknown or changed):
            tell(main_sweeps, crew)
    for one in main_sweeps:
        carry_out(one, crew)
    if "evaluate" in stages:
        finish.test(plan)
    if "report" in stages:
        finish.publish(plan, Path(str(cfg["published"])))


def chosen(plan: Plan, of: Sweep) -> bool:
    """Whether the experiments of a sweep are all there."""
    return all(
        any(experiment_file(at, name).exists() for at in (plan.conf, Path(CONF)))
        for name in experiments(of.overrides)
    )


def tell(sweeps: list[Sweep], crew: Crew) -> None:
    """Print how long what is left of sweeps will take."""
    todo = {one.name: left(one, crew.retry_failed) for one in sweeps}
    print(f"\n{forecast(todo, crew.workers)}\n", flush=True)


def main(cfg: dict[str, Any]) -> None:
    """Carry out one study."""
    try:
        study(cfg)
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"\nstopped; python -m src.study {shlex.join(sys.argv[1:])} goes on", file=sys.stderr)
        sys.exit(130)


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse a study that cannot be carried out."""
    settings(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("study", main, refuse)
