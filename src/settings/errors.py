"""Errors of a configuration, each a user's mistake in one line."""

from collections.abc import Callable
from typing import Any

from hydra.errors import CompactHydraException

from ..common import checks


class ConfigError(CompactHydraException):
    """A user's mistake, printed in one line without a stack trace; a sweep continues with the other jobs."""


class UnknownKeyError(ConfigError):
    """An override of a key that no composed configuration has."""


def check(prefix: str, rule: Callable[..., Any], key: str, value: Any, *allowed: Any, **bounds: Any) -> Any:
    """Apply one of `src.common.checks`; a refusal becomes a ConfigError with `prefix` before the key."""
    try:
        return rule(key, value, *allowed, **bounds)
    except checks.Refusal as refusal:
        raise ConfigError(f"{prefix}{refusal}") from refusal
