"""Overrides of a command line: parsed, and checked one by one before composition."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ..common.checks import did_you_mean
from ..common.paths import CONF, command
from . import required
from .errors import ConfigError, UnknownKeyError
from .unknown import FAULTS, first_line

#: Sections whose keys a constructor checks, so that `+section.key=` may add an argument.
CONSTRUCTED = {"model", "task", "optimizer", "schedule", "trainer", "callbacks", "logger", "hydra"}
#: Groups of which several choices may be given at once, as in logger=[tensorboard,csv].
SEVERAL = {"logger"}
#: Sections whose keys are those of the task of a run, by command, which checks them; no file of conf/ lists them.
OF_THE_TASK = {"evaluate": "grid", "replay": "cell"}
#: Commands whose own keys and those of the task share one level, as in length=20.
WITHOUT_SECTION = ("replay",)
#: Keys of the commands whose values are files or folders.
PATHS = ("conf", "folder", "init_from", "out", "published", "resume", "run", "runs", "tuning")
#: The form of an override, for messages.
FORM = "must be key=value, or key='value' with any signs in it"
#: Largest sweep: composing more jobs takes minutes. From MANY_JOBS on, their number is printed first.
MOST_JOBS, MANY_JOBS = 10_000, 1_000


def parsed(overrides: list[str], loader: Any = None) -> list[Override]:
    """Overrides as parsed objects; `loader` is Hydra's, which lists the choices that glob(...) matches.

    Raises:
        ConfigError: an override that cannot be parsed.
    """
    parser, found = OverridesParser.create(config_loader=loader), []
    for line in overrides:
        try:
            found += parser.parse_overrides([line])
        except HydraException as error:
            raise ConfigError(f"{line!r}: {FORM} ({first_line(error)})") from error
        if not found[-1].key_or_group:
            raise ConfigError(f"{line!r}: {FORM}")
    return found


def quoted(text: str | Path) -> str:
    """A text quoted as the value of an override; it may contain any characters."""
    return QuotedString(str(text), Quote.single).with_quotes()


def with_paths_as_texts(overrides: list[str]) -> list[str]:
    """Overrides in which the name of a file or folder is a text, also where it would be read as a number.

    >>> with_paths_as_texts(["run=2026_11_30", "resume=runs/a", "seed=1"])
    ["run='2026_11_30'", 'resume=runs/a', 'seed=1']
    """
    found = []
    for line, one in zip(overrides, parsed(overrides), strict=True):
        if one.key_or_group in PATHS and type(one.value()) in (int, float):
            line = f"{one.key_or_group}={quoted(line.partition('=')[2])}"
        found.append(line)
    return found


def is_group(key: str) -> bool:
    """Whether a key is a config group: of conf/, or of Hydra itself."""
    return (Path(CONF) / key).is_dir() or key.startswith("hydra/")


def check_addition(override: Override, name: str) -> None:
    """Refuse a key that is added where nothing checks it.

    Args:
        override: any override.
        name: of the primary configuration.

    Raises:
        UnknownKeyError: the key would be ignored.
        ConfigError: the key exists.
    """
    if not (override.is_add() or override.is_force_add()):
        return
    key, line = override.key_or_group, override.input_line or ""
    section, *rest = re.split(r"[./]", key)
    own = dict(required.paths(required.keys_of(name)))
    if key in own:
        raise ConfigError(f"{line}: must be {line.lstrip('+')}, for there is one already")
    if section == "hydra":
        _check_addition_to_hydra(line, rest)
    allowed = CONSTRUCTED & (required.groups_of(name) | {"hydra"})
    allowed |= {OF_THE_TASK[name]} if name in OF_THE_TASK else set()
    if section not in allowed:
        raise UnknownKeyError(
            f"{line}: unknown key '{key}'; a key may be added only under {', '.join(sorted(allowed))}"
            f"{did_you_mean(section, allowed) or did_you_mean(key, own)}"
        )


def _check_addition_to_hydra(line: str, parts: list[str]) -> None:
    """Refuse a key that Hydra would ignore: one that is added where the keys are fixed."""
    if parts[:1] == ["launcher"] and len(parts) == 2:  # below, as in ray.init, any may be added
        raise UnknownKeyError(
            f"{line}: unknown key 'hydra.{'.'.join(parts)}'; must be a setting of the launcher, all of which "
            "--cfg hydra -p hydra.launcher lists"
        )
    node: Any = OmegaConf.structured(HydraConf)
    above = "hydra"
    for part in parts:
        if not isinstance(node, DictConfig) or OmegaConf.get_type(node) is dict:
            return
        if part not in node.keys():  # noqa: SIM118 (`in node` is False for a missing value)
            raise UnknownKeyError(
                f"{line}: unknown key '{above}.{part}'; must be under {above} one of "
                f"{', '.join(sorted(map(str, node)))}{did_you_mean(part, list(map(str, node)))}"
            )
        node, above = node._get_node(part), f"{above}.{part}"


def check_choice(override: Override) -> None:
    """Refuse an invalid choice of a group, and a list of choices where only the last would count.

    Raises:
        ConfigError: a value other than one name, or than several with -m.
    """
    group, given, line = override.key_or_group, override.value(), override.input_line or ""
    if given == "???":
        raise ConfigError(f"{line}: must be a value, and ??? stands for none")
    if override.package is not None:
        raise ConfigError(f"{line}: must be without @{override.package}; every section has one name")
    if not is_group(group) or override.is_delete():
        return
    if override.is_add() or override.is_force_add():
        raise ConfigError(f"{line}: must be {line.lstrip('+')}, for there is one already")
    choices: list[Any] = list(given.list) if isinstance(given, ChoiceSweep) else [given]
    if group in SEVERAL:
        for one in choices:
            if isinstance(one, list) and not one:
                raise ConfigError(f"{line}: must be the name of one choice or of several; none is {group}=none")
            if isinstance(one, list) and len(set(map(str, one))) < len(one):
                raise ConfigError(f"{line}: names one choice twice; must be different ones")
        choices = [name for one in choices for name in (one if isinstance(one, list) else [one])]
    if not all(isinstance(one, str | QuotedString | Glob) for one in choices):
        several = f", or with -m several, as in {group}=a,b" if group in CONSTRUCTED else ""
        raise ConfigError(f"{line}: must be the name of one choice{several}")


def is_plain(override: Override) -> bool:
    """Whether an override sets the value of a key, and does not choose a file of conf/."""
    key = override.key_or_group
    group = is_group(key) or key.startswith("hydra")
    return not (group or override.is_add() or override.is_force_add() or override.is_delete() or override.package)


def searched(overrides: list[str], folder: str) -> list[str]:
    """Overrides that add `folder` to Hydra's search path, also in each job of a sweep."""
    if not os.path.isdir(folder):
        raise ConfigError(f"--config-dir={folder!r}: no such folder; must hold files like those of conf/")
    places, others = [f"file://{os.path.abspath(folder)}"], []
    for line, one in zip(overrides, parsed(overrides), strict=True):
        more = one.value()
        if one.key_or_group == "hydra.searchpath" and isinstance(more, list):
            places += map(str, more)
        else:
            others.append(line)
    return [*others, f"hydra.searchpath=[{','.join(map(quoted, places))}]"]


def with_keys_of_the_task(name: str, overrides: list[str]) -> list[str]:
    """Overrides in which keys of the task of a run are additions to their section of a command's configuration.

    >>> with_keys_of_the_task("evaluate", ["run=a", "grid.lengths=[5,10]"])
    ['run=a', '++grid.lengths=[5,10]']
    >>> with_keys_of_the_task("replay", ["run=a", "length=20"])
    ['run=a', '++cell.length=20']
    """
    section = OF_THE_TASK.get(name)
    if section is None:
        return overrides
    found = []
    for line, one in zip(overrides, parsed(overrides), strict=True):
        key = one.key_or_group
        foreign = name in WITHOUT_SECTION and key.isidentifier() and key not in ("hydra", *required.keys_of(name))
        if is_plain(one) and foreign:
            line = f"++{section}.{line}"
        elif is_plain(one) and key.split(".")[0] == section:
            line = f"++{line}"
        found.append(line)
    return found


def split(overrides: list[Override]) -> list[list[str]]:
    """The overrides of each job of a sweep."""
    count = 1
    for one in {one.key_or_group: one for one in overrides if one.is_sweep_override()}.values():
        if not one.is_discrete_sweep():
            raise ConfigError(
                f"{one.input_line}: must be values, a,b or range(...); {command('search')} has distributions"
            )
        with attributed_to(one.input_line, "must be values, a,b or range(start,stop,step)"):
            count *= len(list(islice(one.sweep_string_iterator(), MOST_JOBS + 1)))
        if count == 0:
            raise ConfigError(f"{one.input_line}: gives no value; must give at least one")
        if count > MOST_JOBS:
            raise ConfigError(f"{one.input_line}: makes more than {MOST_JOBS:,} jobs; must be several sweeps")
    if count > MANY_JOBS:
        print(f"composing {count:,} jobs", file=sys.stderr, flush=True)
    lines: dict[str, list[str]] = {}  # by key; the last override of a key counts
    for one in overrides:
        swept = one.is_sweep_override()
        texts = one.sweep_string_iterator() if swept else [one.get_value_element_as_str()]
        lines[one.get_key_element()] = [f"{one.get_key_element()}={text}" for text in texts]
    return [list(job) for job in product(*lines.values())]


def check_places(overrides: list[Override]) -> None:
    """Refuse missing folders in hydra.searchpath, about which Hydra only warns."""
    for one in overrides:
        if one.key_or_group != "hydra.searchpath":
            continue
        places = one.value()
        if not isinstance(places, list) or one.is_add() or one.is_force_add():
            raise ConfigError(f"{one.input_line}: must be hydra.searchpath=[file://<folder>,...]")
        for folder in (str(place).removeprefix("file://") for place in places):
            if "://" not in folder and not os.path.isdir(folder):
                raise ConfigError(f"{one.input_line}: no folder {folder!r}; must hold files like those of conf/")


@contextmanager
def attributed_to(line: str | None, must: str) -> Iterator[None]:
    """Context in which errors of Hydra are raised as ConfigErrors for one override.

    Args:
        line: the override.
        must: what the override must be, for the message.
    """
    try:
        yield
    except FAULTS as error:
        raise ConfigError(f"{line}: {first_line(error)}; {must}") from error
