"""Choices and keys that there are not: where the name is wrong, what is allowed, and what may have been meant."""

import re
from collections.abc import Sequence
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from src.common.checks import did_you_mean
from src.settings.errors import ConfigError, UnknownKeyError

#: What composing settings raises, where it is the user who is wrong.
FAULTS = (HydraException, OmegaConfBaseException, ValueError, YAMLError)
#: Choices that come with a package to be installed apart.
EXTRAS = {
    "hydra/launcher/joblib": "joblib is there after `make parallel`",
    "hydra/launcher/submitit_slurm": "submitit_slurm is there after `make slurm`",
    "hydra/launcher/submitit_local": "submitit_local is there after `make slurm`",
}


def unknown_choice(error: MissingConfigException, job: Sequence[Override]) -> ConfigError:
    """The refusal of a file that a group has not."""
    missing = str(error.missing_cfg_file or "")
    group, _, name = missing.rpartition("/")
    for one in job:
        if missing == f"{one.key_or_group}/{one.value()}":
            group, name = one.key_or_group, str(one.value())
    folder = name.rpartition("/")[0]
    inside = GlobalHydra.instance().config_loader().get_group_options(f"{group}/{folder}") if folder else []
    options = sorted(f"{folder}/{one}" for one in inside) or sorted(error.options or [])
    extra = f"; {EXTRAS[missing]}" if missing in EXTRAS else ""
    return ConfigError(
        f"{group or 'config'}={name!r}: unknown {group or 'config'}; must be one of {', '.join(options)}"
        f"{did_you_mean(name, options)}{extra}"
    )


def unknown_key(error: ConfigCompositionException, config_name: str, job: list[str]) -> ConfigError:
    """The refusal of a key: the first part of its path that is wrong, and what there is instead."""
    text = " ".join([str(error), str(error.__cause__ or "")])
    found = re.search(r"Could not (?:override|append to config|delete).*?'([^']+)'", text)
    if not found:
        return uncomposed(error, config_name, job)
    key = found.group(1)
    culprit = next((one for one in job if one.lstrip("+~").split("=")[0] == key), key)
    others = [one for one in job if one != culprit]
    try:
        node: Any = compose(config_name, others, return_hydra_config=key.startswith("hydra"))
        parts, above = re.split(r"[./]", key), ""
        while isinstance(node, DictConfig) and parts and parts[0] in node.keys():  # noqa: SIM118 (a missing value is there)
            above = f"{above}.{parts[0]}".lstrip(".")
            node = node.get(parts.pop(0))
    except (HydraException, OmegaConfBaseException):
        return UnknownKeyError(f"{culprit}: unknown key {key!r}; must be one of the keys in conf/")
    if not parts:  # it is there, but cannot be changed so
        return uncomposed(error, config_name, job)
    name = f"{above}.{parts[0]}".lstrip(".")
    if not isinstance(node, DictConfig):
        return UnknownKeyError(f"{culprit}: unknown key {name!r}; must be {above}, which has no keys of its own")
    allowed = sorted(map(str, node))
    where = f" under {above}" if above else ""
    return UnknownKeyError(
        f"{culprit}: unknown key {name!r}; must be{where} one of {', '.join(allowed)}"
        f"{did_you_mean(parts[0], allowed)}"
    )


def uncomposed(error: Exception, config_name: str, job: list[str]) -> ConfigError:
    """The refusal of settings that cannot be composed for another reason: the first override that is at fault."""
    why = f": {first_line(error.__cause__)}" if error.__cause__ is not None else ""
    for count, line in enumerate(job, start=1):
        try:
            compose(config_name, job[:count])
        except FAULTS:
            return ConfigError(f"{'' if line in str(error) else f'{line}: '}{first_line(error)}{why}")
    return ConfigError(f"{first_line(error)}{why}")


def first_line(error: BaseException) -> str:
    """The first line of what an error says; of one of YAML, which tells the place last, all of them as one."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split()) if isinstance(error, YAMLError) else text.splitlines()[0]
