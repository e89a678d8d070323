"""The plan of a search: for each model the fixed overrides and the search space; seeds, sampler and pruner."""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..common.files import write_json
from ..common.nested import flat
from ..common.paths import command
from ..settings import build, cli, keys
from ..settings.errors import ConfigError, UnknownKeyError
from ..settings.job import Job
from . import space

#: Defaults for all runs of a search. If runs stopped when their task is solved, the first to solve it would rank
#: behind runs with more updates.
DEFAULTS = ("logger=none", "trainer.enable_progress_bar=false", "stop_when_solved=false")
#: Runs have no log and no Hydra files of their own: the search has one log, and search.json has the settings.
WITHOUT_LOGS = ("hydra/job_logging=none", "hydra.output_subdir=null")
#: Keys of src.train that a search refuses, each with the reason: it sets them itself, or they cannot be searched.
REFUSED = {
    "seed": "seeds=[...] has them",
    "resume": "repeat the command to resume",
    "debug": "it cannot be searched",
}
REFUSED |= {"hydra": f"it is for {command('train')} alone"}
REFUSED |= dict.fromkeys(("retry_failed", "dry_run"), "it is for the command line")
#: Budget settings, which are the same for every trial of every model, as the task is.
BUDGET = ("trainer.max_steps", "validate_every", "stop_when_solved", "solve_threshold", "overfit_batches")
#: Other keys that must have one value, as they may set a key of the budget.
SINGLE = (
    "task",
    "experiment",
    "recipe",
    "trainer",
    "logger",
    "task.recipe.max_steps",
    "task.recipe.validate_every",
)


class SearchedModel(NamedTuple):
    """A model of a search, which has one study of Optuna."""

    fixed: list[str]  # overrides of all runs of the model
    space: dict[str, str]  # the search space: key -> distribution, in Hydra's syntax
    config: dict[str, Any]  # the composed settings, with defaults for searched keys


class SearchPlan(NamedTuple):
    """A whole search, as search.json stores it."""

    folder: Path
    models: dict[str, SearchedModel]
    seeds: list[int]
    sampler: str
    sampler_seed: int
    prune: str
    prune_trials: int
    prune_validations: int
    id: str = ""  # random, drawn when the search begins; another search of the same name has another one


def models(shared: Sequence[str], spaces: Mapping[str, Sequence[str]]) -> dict[str, SearchedModel]:
    """The models of a search, each with fixed overrides and a search space.

    Args:
        shared: overrides of src.train for all models, `model` among them.
        spaces: model -> overrides for that model alone, which take the place of shared ones.

    Raises:
        ConfigError: overrides that cannot be composed or searched, or unequal budgets.
    """
    by_key = {line_key(line): line for line in (*DEFAULTS, *shared)}
    for line in by_key.values():
        refuse(line)
    given = by_key.pop("model", None)
    if given is None:
        names = [configuration(space.split(by_key.values())[0])["model"]["name"]]
    else:
        fixed, several = space.split([given])
        names = space.values("model", several["model"]) if several else [str(cli.parsed(fixed)[0].value())]
    for name in spaces:
        if name not in names:
            raise ConfigError(f"spaces.{name}: is not searched; must be of model={','.join(names)}")
    own = {name: own_overrides(name, spaces.get(name, ())) for name in names}
    found = {name: searched_model(name, list((by_key | own[name]).values()), len(names) > 1) for name in names}
    check_budget(found)
    return found


def own_overrides(name: str, lines: Sequence[str]) -> dict[str, str]:
    """The overrides for one model alone, by key.

    Raises:
        ConfigError: overrides that a search refuses.
    """
    try:
        for line in lines:
            if line_key(line) == "model":
                raise ConfigError(f"{line}: must be left out; it is for one model")
            refuse(line)
    except ConfigError as refusal:
        raise ConfigError(f"spaces.{name}: {refusal}") from refusal
    return {line_key(line): line for line in lines}


def searched_model(name: str, lines: list[str], several: bool) -> SearchedModel:
    """A model and its settings.

    Args:
        name: of the model.
        lines: its overrides.
        several: whether the search has other models, too.

    Raises:
        ConfigError: nothing to search, or overrides that cannot be composed.
    """
    fixed, searched = space.split([f"model={name}", *sorted(lines)])
    if not searched:
        raise ConfigError(
            f"model={name}: there is nothing to search; must have a distribution for at least one key, such as "
            "'optimizer.lr=tag(log,interval(1e-4,1e-2))'"
        )
    try:
        config = configuration(fixed)
        for key, values in searched.items():
            if defines_task(key, config["task"]):
                raise ConfigError(f"{key}={values}: must be one value, for trials are compared")
        configuration([*fixed, *space.corners(searched)[0]])
        return SearchedModel(fixed, searched, config)
    except UnknownKeyError as refusal:
        hint = f" (model={name}); spaces.<model>=[...] is for keys of one model alone" if several else ""
        raise UnknownKeyError(f"{refusal}{hint}") from refusal


def line_key(line: str) -> str:
    """The key of an override."""
    return cli.parsed([line])[0].key_or_group


def refuse(line: str) -> None:
    """Refuse an override that a search cannot use."""
    (read,) = cli.parsed([line])
    key = read.key_or_group
    root = key.replace("/", ".").split(".")[0]
    if root in REFUSED or read.is_delete():
        why = REFUSED.get(root, "every run has all keys")
        raise ConfigError(f"{line}: must be left out; {why}")
    if read.is_sweep_override():
        if key in BUDGET or key in SINGLE:
            raise ConfigError(f"{line}: must be one value, for trials are compared")
        space.values(read.get_key_element(), line.partition("=")[2])


def defines_task(key: str, task: Mapping[str, Any]) -> bool:
    """Whether a key says what is learned and tested, given the section `task` of the configuration."""
    section, _, name = key.lstrip("+").partition(".")
    return section == "task" and name.split(".")[0] not in (*build.training_options_of(task), "recipe", "cache")


def configuration(overrides: Sequence[str]) -> dict[str, Any]:
    """The resolved settings of src.train with these overrides."""
    (job,) = cli.composed("train", list(overrides))
    return keys.resolve(job.config)


def check_budget(found: Mapping[str, SearchedModel]) -> None:
    """Refuse models with different tasks or budgets."""
    configs = {name: flat(model.config) for name, model in found.items()}
    task = [key for name in found for key in configs[name] if defines_task(key, found[name].config["task"])]
    for key in (*task, *BUDGET):
        given = {name: config.get(key) for name, config in configs.items()}
        if len(set(map(repr, given.values()))) > 1:
            listed = ", ".join(f"{value} for {name}" for name, value in given.items())
            raise ConfigError(f"{key}: is {listed}; must be given, an equal budget for all models")


def jobs(plan: SearchPlan, name: str, number: int, values: Sequence[str]) -> list[Job]:
    """The jobs of a trial, one for each seed."""
    (job,) = cli.composed("train", [*plan.models[name].fixed, *values, *WITHOUT_LOGS])
    at = folder(plan, name, number)
    return [job._replace(values=(("seed", seed),), folder=at / f"seed_{seed}") for seed in plan.seeds]


def validations(config: Mapping[str, Any]) -> int:
    """The number of validations of a run with this configuration, if it does not end early."""
    return -(-int(config["trainer"]["max_steps"]) // int(config["validate_every"]))


def folder(plan: SearchPlan, name: str, number: int) -> Path:
    """The folder of a trial."""
    return plan.folder / name / str(number)


def begin(plan: SearchPlan) -> SearchPlan:
    """Write search.json of a new search; an existing one is resumed.

    Raises:
        ConfigError: the folder holds a search with other settings.
    """
    before = load(plan.folder)
    if before is None:
        plan = plan._replace(id=uuid.uuid4().hex[:8])
        write_json(plan.folder / "search.json", content(plan))
        return plan
    check_same(before, plan)
    return before


def content(plan: SearchPlan) -> dict[str, Any]:
    """A search as search.json stores it."""
    entries = {key: value for key, value in plan._asdict().items() if key != "folder"}
    return entries | {"models": {name: model._asdict() for name, model in plan.models.items()}}


def load(at: Path) -> SearchPlan | None:
    """The search that a folder holds; None where it holds none.

    Raises:
        ConfigError: a damaged file.
    """
    try:
        entries = json.loads((at / "search.json").read_text(encoding="utf-8"))
        found = {name: SearchedModel(**model) for name, model in entries.pop("models").items()}
        return SearchPlan(folder=at, models=found, **entries)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"name={at.name!r}: search.json in {at} is damaged ({error}); must be moved away"
        ) from error


def check_same(before: SearchPlan, now: SearchPlan) -> None:
    """Refuse to resume a search with settings other than those it was begun with.

    Raises:
        ConfigError: the first setting that differs.
    """
    old, new = (flat(json.loads(json.dumps(content(one._replace(id=""))))) for one in (before, now))
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            raise ConfigError(
                f"name={now.folder.name!r}: was begun with {key}={old.get(key)!r}, and now has {new.get(key)!r}; "
                "must be the same to resume it, or a search of another name"
            )
