"""Search space: distributions in Hydra's syntax as distributions of Optuna, and values as overrides."""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep

from ..settings import cli
from ..settings.errors import ConfigError

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

ALLOWED = "must be a,b or choice(a,b), range(start,stop,step), interval(low,high), int(interval(low,high))"


def split(overrides: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """The fixed overrides, and the distributions of searched keys.

    >>> split(["model=ntm", "optimizer.lr=interval(1e-4,1e-2)"])
    (['model=ntm'], {'optimizer.lr': 'interval(1e-4,1e-2)'})
    """
    lines = list(overrides)
    read = list(zip(lines, cli.parsed(lines), strict=True))
    fixed = [line for line, one in read if not one.is_sweep_override()]
    return fixed, {one.get_key_element(): line.partition("=")[2] for line, one in read if one.is_sweep_override()}


def values(key: str, words: str) -> list[Any]:
    """The values of a choice (as texts) or of a range, or the two ends of an interval.

    Args:
        key: of src.train.
        words: the distribution in Hydra's syntax.

    Raises:
        ConfigError: a distribution that cannot be searched.
    """
    (read,) = cli.parsed([f"{key}={words}"])
    sweep: Any = read.value()
    kind = {ChoiceSweep: "choices", RangeSweep: "a range", IntervalSweep: "an interval"}.get(type(sweep))
    if kind is None or getattr(sweep, "shuffle", False):
        raise _refused(read, ALLOWED)
    if sweep.tags - {"log"} or (sweep.tags and kind != "an interval"):
        raise _refused(read, "the only tag is log, of an interval: must be tag(log,interval(low,high))")
    if isinstance(sweep, IntervalSweep):
        low, high = sweep.start, sweep.end
        if low is None or high is None or not (isfinite(low) and isfinite(high) and low < high):
            raise _refused(read, "must have two finite bounds, the lower one first")
        if sweep.tags and low <= 0:
            raise _refused(read, "must have bounds above 0, as it is logarithmic")
        return [low, high]
    try:
        found = list(read.sweep_string_iterator() if isinstance(sweep, ChoiceSweep) else sweep.range())
    except Exception as error:  # a step of 0
        raise _refused(read, ALLOWED) from error
    if len(found) < 2 or len(set(found)) < len(found):
        raise _refused(read, "must have at least two values, each once")
    return found if isinstance(sweep, ChoiceSweep) else sorted(found)


def _refused(override: Override, allowed: str) -> ConfigError:
    return ConfigError(f"{override.input_line}: {allowed}")


def distribution(key: str, words: str) -> "BaseDistribution":
    """The distribution of Optuna; an interval includes both ends, choices are texts."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found, sweep = values(key, words), cli.parsed([f"{key}={words}"])[0].value()
    if isinstance(sweep, ChoiceSweep):
        return CategoricalDistribution(found)
    low, high = found[0], found[-1]
    whole = isinstance(low, int) and isinstance(high, int)
    if isinstance(sweep, RangeSweep):
        step = abs(sweep.step)
        return IntDistribution(low, high, step=int(step)) if whole else FloatDistribution(low, high, step=step)
    log = bool(sweep.tags) if isinstance(sweep, IntervalSweep) else False
    return IntDistribution(low, high, log=log) if whole else FloatDistribution(low, high, log=log)


def suggested(trial: "Trial", space: Mapping[str, str]) -> dict[str, Any]:
    """A trial's values by key; keys that already have a value keep it."""
    found: dict[str, Any] = {}
    for key, words in space.items():
        of: Any = distribution(key, words)
        if hasattr(of, "choices"):
            found[key] = trial.suggest_categorical(key, of.choices)
        elif isinstance(of.low, int):
            found[key] = trial.suggest_int(key, of.low, of.high, step=of.step, log=of.log)
        else:
            found[key] = trial.suggest_float(key, of.low, of.high, step=of.step, log=of.log)
    return found


def text(value: Any) -> str:
    """A value in the syntax of an override.

    >>> text(0.1 + 0.2), text(1e-05), text(1.0), text(3), text("[8, 9]")
    ('0.3', '1e-05', '1.0', '3', '[8, 9]')
    """
    return repr(float(f"{value:.12g}")) if isinstance(value, float) else str(value)


def short(value: Any) -> str:
    """A value for a table.

    >>> short(0.00187007742495), short("[8, 9]")
    ('0.00187', '[8, 9]')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def overrides(found: Mapping[str, Any]) -> list[str]:
    """Values by key as overrides."""
    return [f"{key}={text(value)}" for key, value in found.items()]


def corners(space: Mapping[str, str]) -> list[list[str]]:
    """A few points of a space, as overrides, that together have every choice and both ends of all other keys."""
    found = {key: values(key, words) for key, words in space.items()}
    tried = {key: ends if isinstance(ends[0], str) else [ends[0], ends[-1]] for key, ends in found.items()}
    count = max(len(ends) for ends in tried.values())
    return [overrides({key: ends[min(n, len(ends) - 1)] for key, ends in tried.items()}) for n in range(count)]
