"""Search over settings with Optuna: `python -m src.search name=lr 'optimizer.lr=interval(1e-4,1e-2)'`."""

import logging
import shlex
import sys
from collections import Counter
from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig

from src.common import output
from src.common.paths import CONF
from src.common.subprocesses import run_modules
from src.common.text import columns, duration
from src.launch import estimate
from src.run import train
from src.search import plan as plans
from src.search import results, space, studies
from src.search.command import Command, read, sorted_out
from src.search.plan import Plan
from src.search.work import faults, work
from src.settings import cli, experiments, keys
from src.settings.errors import ConfigError


def search(overrides: list[str]) -> int:
    """Do what a command line asks for; returns the exit code.

    Raises:
        ConfigError: a search that cannot be carried out; nothing has been written then.
    """
    plan, command = read(overrides)
    check(plan, command)
    if command.dry_run:
        print(forecast(plan, command))
        return 0
    with faults():
        return carried_out(plan, command, shlex.join(["python", "-m", "src.search", *overrides]))


def carried_out(plan: Plan, command: Command, again: str) -> int:
    """Run what is left of a search and tell what it has found; `again` is the command. Returns the exit code."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    with studies.locked(plan.folder):
        plan = plans.begin(plan)
        if command.retry_failed:
            studies.retry(studies.opened(plan))
    stopped = False
    try:
        if command.workers == 1:
            work(plan, command.trials)
        else:
            alike = ["src.search.work", str(plan.folder), str(command.trials)]
            run_modules([alike] * command.workers)  # what one leaves that breaks down, another takes over
    except KeyboardInterrupt:
        stopped = True
    well = tell(plan, command, again)
    if stopped:
        sys.stdout.flush()  # what was found stands above
        print(f"\nstopped; {again} goes on", file=sys.stderr)
        return 130
    return 0 if well else 1


def check(plan: Plan, command: Command) -> None:
    """Refuse settings that runs would be refused for, and a place that holds the work of another."""
    before = plans.load(plan.folder)
    if command.write is not None:
        check_experiments(plan, before, command.conf, command.write)
    if before is not None:
        return plans.check_same(before, plan)
    for name, model in plan.models.items():
        for values in space.corners(model.space):
            (job, *_) = plans.jobs(plan, name, 0, values)
            with torch.random.fork_rng():
                train.assemble(keys.resolve(job.config), job.folder)
    return None


def check_experiments(plan: Plan, before: Plan | None, conf: Path, write: str) -> None:
    """Refuse to write over the experiment of another, or one that the search itself starts from."""
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


def forecast(plan: Plan, command: Command) -> str:
    """What is left to run, and how long that would take if no trial were pruned."""
    left = dict.fromkeys(plan.models, command.trials)
    if (plan.folder / "search.json").exists():
        with studies.locked(plan.folder):
            done = {name: studies.done(one, command.retry_failed) for name, one in studies.opened(plan).items()}
        left = {name: max(0, trials - done[name]) for name, trials in left.items()}
    rows, seconds = [], 0.0
    for name, model in plan.models.items():
        (cost,) = estimate.costs([model.config])
        if isinstance(cost, str):
            raise ConfigError(cost)
        own = cost.seconds * left[name] * len(plan.seeds)
        seconds += own
        searched = " ".join(f"{key}={words}" for key, words in model.space.items())
        told = {"trials": str(left[name]), "runs": str(left[name] * len(plan.seeds)), "time": duration(own)}
        rows.append({"model": name, **told, "searched": searched})
    crew = "1 worker" if command.workers == 1 else f"{command.workers} workers"
    total = f"at most about {duration(seconds / command.workers)} with {crew}; pruning makes it less"
    return f"{columns(rows)}\n\n{total}. Nothing was run."


def tell(plan: Plan, command: Command, again: str) -> bool:
    """Write and print what the search has found; whether no trial failed and none is left to do."""
    with studies.locked(plan.folder):
        opened = studies.opened(plan)
        found = results.results(plan, opened)
        results.write(plan, opened, found)
        paths: list[Path] = []
        if command.write is not None:
            paths = results.write_best(plan, found, command.conf, command.write, again)
    print(f"\n{results.table(plan, found, command.trials)}\n\n{plan.folder}")
    for path in paths:
        line = [f"experiment={command.write}/{path.stem}", *experiments.search_path(command.conf)]
        print(f"{shlex.join(['python', '-m', 'src.train', *line])}    # the best: {path}")
    failed = [one for one in found if one.state == "failed"]
    for one in failed:
        where = plans.folder(plan, one.model, one.number)
        print(f"failed: {where}{'' if one.error is None else f': {one.error}'}", file=sys.stderr)
    if failed:
        retry = again if command.retry_failed else f"{again} retry_failed=true"
        print(f"{retry}    # tries the failed ones again", file=sys.stderr)
    begun = Counter(one.model for one in found if one.state not in ("half-done", "retried"))
    left = sum(max(0, command.trials - begun[name]) for name in plan.models)
    if left:
        print(f"{left} trials are left to do: {again}    # goes on")
    return not failed and not left


@hydra.main(config_path=CONF, config_name="search", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """Answers --help, --cfg and --info alone; a search is not run by Hydra."""


def run() -> None:
    """Do what the command line of this process asks for."""
    logging.basicConfig(format="%(levelname)s %(message)s")
    with cli.refusals():
        line = cli.read()
        if line.multirun:
            raise ConfigError("-m: is for src.train alone; must be left out of src.search, which sweeps by itself")
        if not line.asks_only:
            sys.exit(search(line.overrides))
        cli.ask("search", line._replace(overrides=sorted_out(line.overrides)[0]))


if __name__ == "__main__":
    output.protect_standard_streams()
    run()
