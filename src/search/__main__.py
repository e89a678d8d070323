"""Search over settings with Optuna: `python -m src.search name=lr 'optimizer.lr=interval(1e-4,1e-2)'`."""

import logging
import shlex
import sys
from collections import Counter
from pathlib import Path

import torch

from ..common import output
from ..common.paths import command, module, program
from ..common.subprocesses import STOPPED, run_modules
from ..common.text import columns, duration
from ..launch import estimate
from ..run import train
from ..settings import cli, experiments, keys
from ..settings.errors import ConfigError
from . import plan as plans
from . import results, space, studies
from .command import SearchOptions, read, split_overrides
from .plan import SearchPlan
from .work import faults, work


def search(overrides: list[str]) -> int:
    """Run or resume the search of a command line; returns the exit code.

    Raises:
        ConfigError: an invalid setting, in which case nothing was written; or a fault of the machine.
    """
    plan, options = read(overrides)
    check(plan, options)
    if options.dry_run:
        print(forecast(plan, options))
        return 0
    with faults():
        return run_search(plan, options, f"{program('search')} {shlex.join(overrides)}")


def run_search(plan: SearchPlan, options: SearchOptions, again: str) -> int:
    """Run the remaining trials of a search, write and print the results.

    Args:
        plan: of the search.
        options: of the command.
        again: the command line that resumes the search.

    Returns:
        the exit code.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    with studies.locked(plan.folder):
        plan = plans.begin(plan)
        if options.retry_failed:
            studies.retry(studies.opened(plan))
    stopped = False
    try:
        if options.workers == 1:
            work(plan, options.trials)
        else:
            worker = [module("search.work"), str(plan.folder), str(options.trials)]
            run_modules([worker] * options.workers)  # the trial of a worker that dies is taken by another
    except KeyboardInterrupt:
        stopped = True
    complete = publish_results(plan, options, again)
    if stopped:
        sys.stdout.flush()  # before what is printed on stderr
        print(f"\nstopped; to resume: {again}", file=sys.stderr)
        return STOPPED
    return 0 if complete else 1


def check(plan: SearchPlan, options: SearchOptions) -> None:
    """Refuse settings that src.train would refuse, and folders that hold another search.

    Raises:
        ConfigError: the first refusal.
    """
    before = plans.load(plan.folder)
    if options.write is not None:
        check_experiments(plan, before, options.conf, options.write)
    if before is not None:
        return plans.check_same(before, plan)
    for name, model in plan.models.items():
        for values in space.corners(model.space):
            (job, *_) = plans.jobs(plan, name, 0, values)
            with torch.random.fork_rng():
                train.assemble(keys.resolve(job.config), job.folder)
    return None


def check_experiments(plan: SearchPlan, before: SearchPlan | None, conf: Path, write: str) -> None:
    """Refuse to overwrite an experiment of another author, or one that the search itself starts from."""
    for name in plan.models:
        path = experiments.experiment_file(conf, f"{write}/{name}")
        if path.exists() and (before is None or results.first_line(before).encode() not in path.read_bytes()):
            raise ConfigError(f"write={write!r}: {path} is not of this search; must be another name, or null")
    written = [f"experiment={write}/{name}" for name in plan.models]
    for one in cli.parsed([line for model in plan.models.values() for line in model.fixed]):
        if f"{one.key_or_group}={one.value()}" in written:
            raise ConfigError(
                f"write={write!r}: {one.input_line} would be written over; must be another name, or null"
            )


def forecast(plan: SearchPlan, options: SearchOptions) -> str:
    """A table of the remaining trials, and the time that they would take if none were pruned."""
    left = dict.fromkeys(plan.models, options.trials)
    if (plan.folder / "search.json").exists():
        with studies.locked(plan.folder):
            done = {name: studies.done(one, options.retry_failed) for name, one in studies.opened(plan).items()}
        left = {name: max(0, trials - done[name]) for name, trials in left.items()}
    rows, seconds = [], 0.0
    for name, model in plan.models.items():
        (cost,) = estimate.costs([model.config])
        if isinstance(cost, str):
            raise ConfigError(cost)
        own = cost.seconds * left[name] * len(plan.seeds)
        seconds += own
        searched = " ".join(f"{key}={words}" for key, words in model.space.items())
        counts = {"trials": str(left[name]), "runs": str(left[name] * len(plan.seeds)), "time": duration(own)}
        rows.append({"model": name, **counts, "searched": searched})
    by = "1 worker" if options.workers == 1 else f"{options.workers} workers"
    total = f"at most about {duration(seconds / options.workers)} with {by}; pruning makes it less"
    return f"{columns(rows)}\n\n{total}. Nothing was run."


def publish_results(plan: SearchPlan, options: SearchOptions, again: str) -> bool:
    """Write and print the results; whether no trial failed and none remains."""
    with studies.locked(plan.folder):
        opened = studies.opened(plan)
        found = results.results(plan, opened)
        results.write(plan, opened, found)
        paths: list[Path] = []
        if options.write is not None:
            paths = results.write_best(plan, found, options.conf, options.write, again)
    print(f"\n{results.table(plan, found, options.trials)}\n\n{plan.folder}")
    for path in paths:
        line = [f"experiment={options.write}/{path.stem}", *experiments.search_path(options.conf)]
        print(f"{program('train')} {shlex.join(line)}    # the best: {path}")
    failed = [one for one in found if one.state == "failed"]
    for one in failed:
        where = plans.folder(plan, one.model, one.number)
        print(f"failed: {where}{'' if one.error is None else f': {one.error}'}", file=sys.stderr)
    if failed:
        retry = again if options.retry_failed else f"{again} retry_failed=true"
        print(f"{retry}    # retries the failed trials", file=sys.stderr)
    begun = Counter(one.model for one in found if one.state not in ("half-done", "retried"))
    left = sum(max(0, options.trials - begun[name]) for name in plan.models)
    if left:
        print(f"{left} trials remain: {again}")
    return not failed and not left


def run() -> None:
    """Run the command line of this process."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with cli.refusals():
        line = cli.read()
        if line.multirun:
            raise ConfigError(f"-m: is for {command('train')} alone; must be left out of {command('search')}")
        if not line.asks_only:
            sys.exit(search(line.overrides))
        cli.ask("search", line._replace(overrides=split_overrides(line.overrides)[0]))


if __name__ == "__main__":
    output.protect_standard_streams()
    run()
