"""Which runs may stand in one table: those of one protocol and one version, told apart by what was varied."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from src.common.nested import flat
from src.report.gather import Entry, Problem
from src.report.kinds import Kind, kind_of
from src.run.folder import STAMP

#: Settings that no result depends on.
OF_NO_EFFECT = ("callbacks", "logger", "figure", "seed", *STAMP)
NO_EFFECT_KEYS = ("trainer.enable_progress_bar", "trainer.log_every_n_steps", "task.cache", "model.name")
#: Settings of the task that are a model's own, as its learning rate is; a recipe's stand elsewhere, resolved.
OF_THE_MODEL = ("task.batch_size", "task.recipe", "task._target_")
#: Settings outside the task that change what a metric means. How long a run trains (trainer.max_steps,
#: stop_when_solved) is none: it tells rows apart.
OF_THE_PROTOCOL = ("solve_threshold", "overfit_batches")


class Placed(NamedTuple):
    """A run and its place in the report.

    Attributes:
        group: the table it stands in.
        variant: its row there; runs of a row differ in their seed alone.
        settings: its settings that differ from those of other rows of the table, by full key.
    """

    entry: Entry
    group: str
    variant: str
    settings: dict[str, Any]


def place(entries: Sequence[Entry], pool_versions: bool) -> tuple[list[Placed], list[Problem], dict[str, Kind]]:
    """Sort runs into tables and rows.

    Args:
        entries: runs that reached their end.
        pool_versions: put runs of different versions of the code and its packages in one table.

    Returns:
        The runs placed; those that a run with the same settings and seed comes before; and the kind of
        each table, by its name.
    """
    protocols = [_protocol(entry) for entry in entries]
    versions = [{} if pool_versions else _versions(entry) for entry in entries]
    keys = [json.dumps([p, v], sort_keys=True, default=str) for p, v in zip(protocols, versions, strict=True)]
    distinct = list(dict.fromkeys(keys))
    firsts = [keys.index(key) for key in distinct]
    titles = _titles([protocols[i] for i in firsts], [versions[i] for i in firsts])
    placed: list[Placed] = []
    problems: list[Problem] = []
    kinds: dict[str, Kind] = {}
    for key, first, title in zip(distinct, firsts, titles, strict=True):
        members = [entry for entry, its in zip(entries, keys, strict=True) if its == key]
        kinds[title] = kind_of(members, _told(protocols[first]))
        seen: dict[tuple[str, Any], str] = {}
        for entry, variant, settings in _variants(members):
            seed = entry.metrics["seed"]
            if (variant, seed) in seen:
                same = f"same settings and seed {seed} as {seen[variant, seed]}: counted once"
                problems.append(Problem(entry.name, same))
                continue
            seen[variant, seed] = entry.name
            placed.append(Placed(entry, title, variant, settings))
    return placed, problems, kinds


def _protocol(entry: Entry) -> dict[str, Any]:
    """What two runs must share for their metrics to mean the same."""
    settings = flat(entry.config)
    return {
        key: value
        for key, value in settings.items()
        if (_within(key, ("task",)) and not _within(key, (*OF_THE_MODEL, *NO_EFFECT_KEYS)))
        or key in OF_THE_PROTOCOL
    }


def _versions(entry: Entry) -> dict[str, str]:
    """Of the code and of its packages."""
    return {"revision": str(entry.metrics.get("git_revision")), **entry.metrics.get("versions", {})}


def _within(key: str, sections: Iterable[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _titles(protocols: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, str]]) -> list[str]:
    """A short name for each table: the task, and what of protocol and version tells it from the others."""
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


def _told(protocol: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.removeprefix('task.')}={_text(value)}" for key, value in protocol.items())


def _variants(members: Sequence[Entry]) -> list[tuple[Entry, str, dict[str, Any]]]:
    """Each run of a table with the name of its row and the settings in which rows differ."""
    settings = [
        {
            key: value
            for key, value in flat(entry.config).items()
            if not _within(key, (*OF_NO_EFFECT, *NO_EFFECT_KEYS, "task.recipe", "task._target_"))
        }
        for entry in members
    ]
    by_model: dict[str, list[int]] = defaultdict(list)
    for i, entry in enumerate(members):
        by_model[entry.metrics["model"]].append(i)
    varied = {model: _differing([settings[i] for i in its]) for model, its in by_model.items()}
    everywhere = _differing(settings)
    named = []
    for entry, its in zip(members, settings, strict=True):
        keys = varied[entry.metrics["model"]]
        parts = [f"{_short(key, keys)}={_text(its[key])}" for key in keys if its.get(key) is not None]
        own = {key: its[key] for key in everywhere if key in its and not key.endswith("_target_")}
        # Where all are of one model, what was varied is name enough.
        model = [entry.metrics["model"]] if len(by_model) > 1 or not parts else []
        named.append((entry, " ".join([*model, *parts]), own))
    return named


def _differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values are not the same in all; what follows another setting with it (updates of a schedule) is
    left out."""
    keys = dict.fromkeys(key for its in settings for key in its)
    found = [key for key in keys if len({_text(its.get(key)) for its in settings}) > 1]
    return [key for key in found if key != "schedule.updates" or "trainer.max_steps" not in found]


def _short(key: str, others: Sequence[str]) -> str:
    if key.endswith("._target_"):
        return key.removesuffix("._target_")
    last = key.split(".")[-1]
    return last if sum(other.split(".")[-1] == last for other in others) == 1 else key


def _text(value: Any) -> str:
    if isinstance(value, str) and value.count(".") > 1:
        return value.rpartition(".")[2]  # of a class its name
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else str(value)
