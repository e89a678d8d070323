"""Refusals of a configuration: a user's mistake in one line."""

from collections.abc import Callable
from typing import Any

from hydra.errors import CompactHydraException

from src.common import checks


class ConfigError(CompactHydraException):
    """A user's mistake: printed in one line, without a stack trace; a sweep continues with its other jobs."""


class UnknownKeyError(ConfigError):
    """An override whose key no composed configuration has."""


def check(prefix: str, rule: Callable[..., Any], key: str, value: Any, *allowed: Any, **bounds: Any) -> Any:
    """Apply one of `src.common.checks`, with the place of the key in front of a refusal."""
    try:
        return rule(key, value, *allowed, **bounds)
    except checks.Refusal as refusal:
        raise ConfigError(f"{prefix}{refusal}") from refusal
