"""What a search consists of: which models, what is fixed and what is searched for each, how trials are judged."""

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.common.files import write_json
from src.common.nested import flat
from src.search import space
from src.settings import cli, keys
from src.settings.errors import ConfigError, UnknownKeyError

#: For all runs of a search, where nothing else is asked for. If runs ended when their task is solved, the first to
#: solve it would be ranked behind those that were given more updates.
DEFAULTS = ("logger=none", "trainer.enable_progress_bar=false", "stop_when_solved=false")
#: The log of a search is that of all its runs, and their settings are its own.
WITHOUT_LOGS = ("hydra/job_logging=none", "hydra.output_subdir=null")
#: Keys of src.train that a search gives its runs itself, or that are nothing to search with.
GIVEN = {"seed": "seeds=[...] has them", "resume": "the same command goes on", "debug": "it is nothing to search"}
GIVEN |= {"hydra": "it is for src.train alone"}
GIVEN |= dict.fromkeys(("retry_failed", "dry_run"), "it is for the command line")
#: Settings that are the same for every trial of every model: its budget. The task is the same, too.
BUDGET = ("trainer.max_steps", "validate_every", "stop_when_solved", "solve_threshold", "overfit_batches")
#: Other keys of one value, for one of these is set by them.
SINGLE = ("experiment", "recipe", "trainer", "logger", "task.recipe.max_steps", "task.recipe.validate_every")
#: What of the task is not what is learned, but how.
TRAINING = ("task.batch_size", "task.recipe.", "task.cache")


class Model(NamedTuple):
    """A model of a search, which is a study of Optuna."""

    fixed: list[str]  # overrides of all its runs
    space: dict[str, str]  # what is searched: key -> distribution, in Hydra's words
    config: dict[str, Any]  # the settings, but for what is searched


class Plan(NamedTuple):
    """A whole search; search.json holds it."""

    folder: Path
    models: dict[str, Model]
    seeds: list[int]
    sampler: str
    sampler_seed: int
    prune: str
    prune_trials: int
    prune_validations: int
    id: str = ""  # of this very search, from its beginning on


def models(shared: Sequence[str], spaces: Mapping[str, Sequence[str]]) -> dict[str, Model]:
    """Every model with its settings.

    Args:
        shared: overrides of src.train for all models, `model` among them.
        spaces: model -> overrides for it alone, which come before the shared ones.

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
    own = {name: alone(name, spaces.get(name, ())) for name in names}
    found = {name: searched_model(name, list((by_key | own[name]).values()), len(names) > 1) for name in names}
    check_budget(found)
    return found


def alone(name: str, lines: Sequence[str]) -> dict[str, str]:
    """The overrides of one model alone, by their keys."""
    try:
        for line in lines:
            if line_key(line) == "model":
                raise ConfigError(f"{line}: must be left out; it is for one model")
            refuse(line)
    except ConfigError as refusal:
        raise ConfigError(f"spaces.{name}: {refusal}") from refusal
    return {line_key(line): line for line in lines}


def searched_model(name: str, lines: list[str], several: bool) -> Model:
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
        configuration([*fixed, *space.corners(searched)[0]])
        return Model(fixed, searched, configuration(fixed))
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
    if root in GIVEN or read.is_delete():
        why = GIVEN.get(root, "every run has all keys")
        raise ConfigError(f"{line}: must be left out; {why}")
    if read.is_sweep_override():
        if key in BUDGET or key in SINGLE or of_the_task(key):
            raise ConfigError(f"{line}: must be one value, for trials are compared")
        space.values(read.get_key_element(), line.partition("=")[2])


def of_the_task(key: str) -> bool:
    """Whether a key says what is learned and tested."""
    return key.split(".")[0] == "task" and not key.startswith(TRAINING)


def configuration(overrides: Sequence[str]) -> dict[str, Any]:
    """The settings of src.train with these overrides."""
    (job,) = cli.composed("train", list(overrides))
    return keys.resolve(job.config)


def check_budget(found: Mapping[str, Model]) -> None:
    """Refuse models that would not be given the same task and as many updates."""
    configs = {name: flat(model.config) for name, model in found.items()}
    task = [key for config in configs.values() for key in config if of_the_task(key)]
    for key in (*task, *BUDGET):
        given = {name: config.get(key) for name, config in configs.items()}
        if len(set(map(repr, given.values()))) > 1:
            told = ", ".join(f"{value} for {name}" for name, value in given.items())
            raise ConfigError(f"{key}: is {told}; must be given, an equal budget for all models")


def jobs(plan: Plan, name: str, number: int, values: Sequence[str]) -> list[cli.Job]:
    """The runs of a trial, one a seed."""
    (job,) = cli.composed("train", [*plan.models[name].fixed, *values, *WITHOUT_LOGS])
    at = folder(plan, name, number)
    return [job._replace(values=(("seed", seed),), folder=at / f"seed_{seed}") for seed in plan.seeds]


def validations(config: Mapping[str, Any]) -> int:
    """Of a run with this configuration, if nothing ends it early."""
    return -(-int(config["trainer"]["max_steps"]) // int(config["validate_every"]))


def folder(plan: Plan, name: str, number: int) -> Path:
    """The folder of a trial."""
    return plan.folder / name / str(number)


def begin(plan: Plan) -> Plan:
    """Write down a new search; one that is there must be the same, and goes on.

    Raises:
        ConfigError: another search is in the folder.
    """
    before = load(plan.folder)
    if before is None:
        plan = plan._replace(id=uuid.uuid4().hex[:8])
        write_json(plan.folder / "search.json", content(plan))
        return plan
    check_same(before, plan)
    return before


def content(plan: Plan) -> dict[str, Any]:
    """A search as search.json has it."""
    told = {key: value for key, value in plan._asdict().items() if key != "folder"}
    return told | {"models": {name: model._asdict() for name, model in plan.models.items()}}


def load(at: Path) -> Plan | None:
    """The search of a folder; None where there is none yet.

    Raises:
        ConfigError: a damaged file.
    """
    try:
        told = json.loads((at / "search.json").read_text(encoding="utf-8"))
        found = {name: Model(**model) for name, model in told.pop("models").items()}
        return Plan(folder=at, models=found, **told)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(
            f"name={at.name!r}: search.json in {at} is damaged ({error}); must be moved away"
        ) from error


def check_same(before: Plan, now: Plan) -> None:
    """Refuse to go on with another search than the one that was begun."""
    old, new = (flat(json.loads(json.dumps(content(one._replace(id=""))))) for one in (before, now))
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            raise ConfigError(
                f"name={now.folder.name!r}: was begun with {key}={old.get(key)!r}, and now has {new.get(key)!r}; "
                "must be the same to go on, or a search of another name"
            )
