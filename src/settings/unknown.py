"""Messages for unknown choices and keys: the wrong name, what is allowed, and the closest allowed name."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from ..common.checks import did_you_mean
from ..common.paths import extra
from . import required, trainer_arguments
from .construct import arguments_of, locate
from .errors import ConfigError, UnknownKeyError

#: What composing settings raises for a user's mistake.
FAULTS = (HydraException, OmegaConfBaseException, ValueError, YAMLError)
#: Choices that need an extra package.
EXTRAS = {
    "hydra/launcher/joblib": f"`{extra('parallel')}` installs joblib",
    "hydra/launcher/submitit_slurm": f"`{extra('slurm')}` installs submitit_slurm",
    "hydra/launcher/submitit_local": f"`{extra('slurm')}` installs submitit_local",
}


def unknown_choice(error: MissingConfigException, job: Sequence[Override]) -> ConfigError:
    """The error for an unknown choice of a config group."""
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    for one in job:
        several = one.value()
        for choice in several if isinstance(several, list) else [several]:
            if missing == f"{one.key_or_group}/{choice}":
                group, name = one.key_or_group, str(choice)
    if not GlobalHydra.instance().is_initialized():  # the error left the context of the composition
        return unknown_option(group, name, sorted(error.options or []))
    loader = GlobalHydra.instance().config_loader()
    folders = {
        one: [f"{one}/{inner}" for inner in loader.get_group_options(f"{group}/{one}")]
        for one in loader.get_group_options(group, ObjectType.GROUP)
    }
    known = folders.get(name.rpartition("/")[0]) or error.options or loader.get_group_options(group)
    return unknown_option(group, name, sorted(known), [one for inside in folders.values() for one in inside])


def unknown_option(group: str, name: str, known: Sequence[str], more: Sequence[str] = ()) -> ConfigError:
    """The error for a choice that a config group does not have.

    Args:
        group: the group.
        name: the unknown choice.
        known: the choices to list.
        more: further ones, which may have been meant.
    """
    extra = f"; {EXTRAS[f'{group}/{name}']}" if f"{group}/{name}" in EXTRAS else ""
    return ConfigError(
        f"{group or 'config'}={name!r}: unknown {group or 'config'}; must be one of {', '.join(known)}"
        f"{did_you_mean(name, [*known, *more])}{extra}"
    )


def unknown_key(error: ConfigCompositionException, config_name: str, job: list[str]) -> ConfigError:
    """The error for an unknown key: the first wrong part of the path, and the keys that exist there."""
    text = " ".join([str(error), str(error.__cause__ or "")])
    found = re.search(r"Could not (?:override|append to config|delete).*?'([^']+)'", text)
    if not found:
        return uncomposed(error, config_name, job)
    key = found.group(1)
    culprit = next((one for one in job if one.lstrip("+~").split("=")[0] == key), key)
    others = [one for one in job if one != culprit]
    parts, above = re.split(r"[./]", key), ""
    if inner := re.search(r"Key '([^']+)' is not in struct", text):  # of a section given as a value
        parts.append(inner.group(1))
    try:
        whole = compose(config_name, others, return_hydra_config=True)
        groups = [one for one in whole.hydra.runtime.choices if "/" not in one]
        own = [str(one) for one in whole if one != "hydra"]
        node: Any = whole if parts[0] == "hydra" else OmegaConf.masked_copy(whole, own)
        while isinstance(node, DictConfig) and parts and parts[0] in node.keys():  # noqa: SIM118 (`in node` is False for a missing value)
            above = f"{above}.{parts[0]}".lstrip(".")
            node = node.get(parts.pop(0))
    except (HydraException, OmegaConfBaseException):
        return UnknownKeyError(f"{culprit}: unknown key {key!r}; must be one of the keys in conf/")
    if not parts:  # the key exists, but cannot be changed so
        if node is None and culprit.startswith("~"):
            return ConfigError(f"{culprit}: must be left out, for {key} is null already")
        return uncomposed(error, config_name, job)
    name = f"{above}.{parts[0]}".lstrip(".")
    if not isinstance(node, DictConfig):
        return UnknownKeyError(f"{culprit}: unknown key {name!r}; must be {above}, which has no keys of its own")
    allowed = sorted({*map(str, node), *(() if above else groups)})
    where = f" under {above}" if above else ""
    return UnknownKeyError(
        f"{culprit}: unknown key {name!r}; must be{where} one of {', '.join(allowed)}"
        f"{meant(parts[0], allowed, above, node, whole)}"
    )


def meant(name: str, allowed: Sequence[str], above: str, node: DictConfig, whole: DictConfig) -> str:
    """A suggestion for an unknown key: a similar one beside it, one to add, or one of that name elsewhere.

    Args:
        name: the last part of the key.
        allowed: the keys that exist in its place.
        above: the path of the section.
        node: the section.
        whole: the configuration.
    """
    more: set[str] = set()  # arguments that conf/ leaves to their defaults
    if "_target_" in node:
        with suppress(ConfigError):
            more = arguments_of(locate(above, node)) - set(allowed)
    if above == "trainer":
        more &= set(trainer_arguments.HONOURED)
    hint = did_you_mean(name, [*allowed, *more])
    added = next((one for one in more if hint.endswith(f"{one!r}?")), None)
    if added is not None:
        return f"; did you mean '+{above}.{added}'?"
    elsewhere = [key for key, _ in required.paths(required.unresolved(whole)) if key.endswith(f".{name}")]
    nearest = min(elsewhere, key=lambda key: key.count("."), default=None)
    return hint or (f"; did you mean {nearest!r}?" if nearest else "")


def uncomposed(error: Exception, config_name: str, job: list[str]) -> ConfigError:
    """The error for settings that cannot be composed for another reason: names the first faulty override."""
    why = f": {first_line(error.__cause__)}" if error.__cause__ is not None else ""

    def is_faulty(count: int) -> bool:
        try:
            compose(config_name, job[:count])
        except FAULTS:
            return True
        return False

    # The first n overrides can be composed if and only if the first faulty one is not among them.
    first = bisect_left(range(1, len(job) + 1), True, key=is_faulty)
    if first == len(job):
        return ConfigError(f"{first_line(error)}{why}")
    line = job[first]
    return ConfigError(f"{'' if line in str(error) else f'{line}: '}{first_line(error)}{why}")


def first_line(error: BaseException) -> str:
    """The first line of an error message; for a YAML error, which names the place last, all lines as one."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split()) if isinstance(error, YAMLError) else text.splitlines()[0]
