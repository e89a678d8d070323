"""Grouping of runs: a table for each protocol and version, a row for each combination of varied settings."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..common.nested import flat
from ..run.folder import STAMP
from ..settings import build
from .effective_settings import completed
from .gather import EndedRun, Problem
from .kinds import TableKind, kind_of

#: Callbacks that only watch, save or draw. Others, such as an early stop, may change a result.
WATCHING = (
    "checkpoint",
    "clock",
    "dashboard",
    "generalisation",
    "history",
    "interrupt",
    "pictures",
    "progress",
    "randomness",
)
#: Sections and keys that no result depends on.
OF_NO_EFFECT = ("logger", "figure", "seed", *STAMP, *(f"callbacks.{name}" for name in WATCHING))
NO_EFFECT_KEYS = ("trainer.enable_progress_bar", "trainer.log_every_n_steps", "task.cache", "model.name")
#: Keys whose value in effect is that of a callback's argument.
IN_EFFECT = {"solve_threshold": "callbacks.solved.threshold", "stop_when_solved": "callbacks.solved.stop"}
#: Settings of the task that no metric depends on; recipes are resolved into other settings.
BESIDE_THE_TASK = ("task.recipe", "task._target_")
#: Settings outside the task that change what a metric means. The length of training (trainer.max_steps,
#: stop_when_solved) does not: it distinguishes rows.
OF_THE_PROTOCOL = ("solve_threshold", "overfit_batches")
#: What tells the rows of a model apart: its settings, or the given folder that holds the runs, such as a sweep.
ROWS_BY = ("settings", "folder")


class PlacedRun(NamedTuple):
    """A run with its table and row in the report.

    Attributes:
        entry: the run.
        group: name of the table.
        variant: name of the row; runs of a row differ only in their seed.
        settings: settings that differ between rows of the table, by full key.
    """

    entry: EndedRun
    group: str
    variant: str
    settings: dict[str, Any]


def place(
    entries: Sequence[EndedRun], pool_versions: bool, rows_by: str = "settings"
) -> tuple[list[PlacedRun], list[Problem], dict[str, TableKind]]:
    """Sort runs into tables and rows.

    Args:
        entries: runs that have finished or diverged.
        pool_versions: put runs of different versions of the code and its packages in one table.
        rows_by: "settings" to name the rows of a model by all settings in which they differ; "folder" by the given
            folder, where a model has runs in several, and by the settings in which rows within the folder differ.
            The same run in two folders is then two rows, and no duplicate.

    Returns:
        The placed runs; a problem for each duplicate of a run with the same settings and seed; and the kind of
        each table by name.
    """
    entries = completed(entries)
    protocols = [_protocol(entry) for entry in entries]
    versions = [{} if pool_versions else _versions(entry) for entry in entries]
    keys = [json.dumps([p, v], sort_keys=True, default=str) for p, v in zip(protocols, versions, strict=True)]
    distinct = list(dict.fromkeys(keys))
    firsts = [keys.index(key) for key in distinct]
    titles = _titles([protocols[i] for i in firsts], [versions[i] for i in firsts])
    placed: list[PlacedRun] = []
    problems: list[Problem] = []
    kinds: dict[str, TableKind] = {}
    folders = {(entry.metrics["model"], entry.within) for entry in entries}
    counts = Counter(model for model, _ in folders)
    several = {model for model, count in counts.items() if count > 1 and rows_by == "folder"}
    for key, first, title in zip(distinct, firsts, titles, strict=True):
        members = [entry for entry, own in zip(entries, keys, strict=True) if own == key]
        kinds[title] = kind_of(members, _as_text(protocols[first]))
        seen: dict[tuple[str, Any], str] = {}
        for entry, variant, settings in _variants(members, several):
            seed = entry.metrics["seed"]
            if (variant, seed) in seen:
                same = f"same settings and seed {seed} as {seen[variant, seed]}: counted once"
                problems.append(Problem(entry.name, same))
                continue
            seen[variant, seed] = entry.name
            placed.append(PlacedRun(entry, title, variant, settings))
    return placed, problems, kinds


def _protocol(entry: EndedRun) -> dict[str, Any]:
    """Settings that must be equal for metrics of two runs to be comparable."""
    of_training = [f"task.{name}" for name in build.training_options_of(entry.config["task"])]
    beside = (*of_training, *BESIDE_THE_TASK, *NO_EFFECT_KEYS)
    return {
        key: value
        for key, value in settings_of(entry).items()
        if (_within(key, ("task",)) and not _within(key, beside)) or key in OF_THE_PROTOCOL
    }


def settings_of(entry: EndedRun) -> dict[str, Any]:
    """The settings of a run by full key, with the values in effect of those that a callback may change."""
    settings = flat(entry.config)
    changed = {key: settings[argument] for key, argument in IN_EFFECT.items() if argument in settings}
    return {key: value for key, value in settings.items() if not _within(key, ("callbacks.solved",))} | changed


def _versions(entry: EndedRun) -> dict[str, str]:
    """Versions of the code and its packages."""
    return {"revision": str(entry.metrics.get("git_revision")), **entry.metrics.get("versions", {})}


def _within(key: str, sections: Iterable[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _titles(protocols: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, str]]) -> list[str]:
    """A short name for each table: the task, and what distinguishes its protocol and version from the others."""
    titles = []
    for i, (protocol, version) in enumerate(zip(protocols, versions, strict=True)):
        peers = [j for j, other in enumerate(protocols) if other["task.name"] == protocol["task.name"]]
        differing = [key for key in protocol if any(protocols[j].get(key) != protocol[key] for j in peers)]
        parts = [f"{key.split('.')[-1]}={_text(protocol[key])}" for key in differing]
        alike = [j for j in peers if protocols[j] == protocol]
        for name in version:
            if any(versions[j].get(name) != version[name] for j in alike if j != i):
                value = version[name][:10] if name == "revision" else version[name]
                parts.append(f"{name} {value}{' with changes' if '+changes' in version[name] else ''}")
        titles.append(", ".join([str(protocol["task.name"]), *parts]))
    return [title if titles.count(title) == 1 else f"{title} ({n + 1})" for n, title in enumerate(titles)]


def _as_text(protocol: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.removeprefix('task.')}={_text(value)}" for key, value in protocol.items())


def _variants(members: Sequence[EndedRun], by_folder: set[str]) -> list[tuple[EndedRun, str, dict[str, Any]]]:
    """The runs of a table, each with the name of its row and the settings in which rows differ.

    Args:
        members: the runs.
        by_folder: models whose rows are told apart by folder.
    """
    settings = [
        {
            key: value
            for key, value in settings_of(entry).items()
            if not _within(key, (*OF_NO_EFFECT, *NO_EFFECT_KEYS, *BESIDE_THE_TASK))
        }
        for entry in members
    ]
    peers: dict[tuple[str, str], list[int]] = defaultdict(list)  # by model, and its folder if that names rows
    for i, entry in enumerate(members):
        peers[_peer(entry, by_folder)].append(i)
    varied = {peer: _differing([settings[i] for i in indices]) for peer, indices in peers.items()}
    models = {model for model, _ in peers}
    everywhere = _differing(settings)
    named = []
    for entry, own_settings in zip(members, settings, strict=True):
        model, folder = _peer(entry, by_folder)
        keys = varied[model, folder]
        parts = [
            f"{_short(key, keys)}={_text(own_settings[key])}" for key in keys if own_settings.get(key) is not None
        ]
        own = {
            key: own_settings[key] for key in everywhere if key in own_settings and not key.endswith("_target_")
        }
        # With a single model, the varied settings suffice as the name.
        lead = [model] if len(models) > 1 or not parts or folder else []
        named.append((entry, " ".join(filter(None, [*lead, folder, *parts])), own))
    return named


def _peer(entry: EndedRun, by_folder: set[str]) -> tuple[str, str]:
    """The model of a run, and its folder if that tells rows apart, else nothing."""
    model = entry.metrics["model"]
    return model, entry.within if model in by_folder else ""


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values differ; schedule.updates is left out where it follows trainer.max_steps."""
    keys = dict.fromkeys(key for own_settings in settings for key in own_settings)
    found = [key for key in keys if len({_written(own_settings.get(key)) for own_settings in settings}) > 1]
    return [key for key in found if key != "schedule.updates" or "trainer.max_steps" not in found]


def _short(key: str, others: Sequence[str]) -> str:
    if key.endswith("._target_"):
        return key.removesuffix("._target_")
    last = key.split(".")[-1]
    return last if sum(other.split(".")[-1] == last for other in others) == 1 else key


def _text(value: Any) -> str:
    """A value for readers: a class by its name alone."""
    if isinstance(value, str) and value.count(".") > 1 and all(part.isidentifier() for part in value.split(".")):
        return value.rpartition(".")[2]
    return _written(value)


def _written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else str(value)
