"""Widths of a focus: their initial values, and a schedule from wide to narrow over training."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ..common import checks
from .by_kind import ByKind, by_kind
from .layout import LARGEST

#: Smallest width in slots: float32 holds squares of a distance over it.
NARROWEST = 1e-6


def width(raw: Float[Tensor, "B H K"], least: float, most: float | None) -> Float[Tensor, "B H K"]:
    """least + softplus(raw); with an upper bound, least + (most - least) sigmoid(raw)."""
    return least + softplus(raw) if most is None else least + (most - least) * raw.sigmoid()


class WidthSchedule(NamedTuple):
    """All widths are multiplied by a factor that falls to 1 geometrically over a share of training."""

    factor: float  # before the first update, 1 to LARGEST
    share: float  # of all updates, above 0 and at most 1

    def at(self, done: float) -> float:
        """The factor after a share of all updates.

        >>> [WidthSchedule(factor=4.0, share=0.5).at(done) for done in (0.0, 0.25, 0.5, 1.0)]
        [4.0, 2.0, 1.0, 1.0]
        """
        return self.factor ** max(0.0, 1.0 - done / self.share)


def width_schedule(key: str, value: Any) -> WidthSchedule | None:
    """The schedule that a user gives as a mapping; None for none.

    Raises:
        checks.Refusal: a mapping with other keys, or a value out of its range.
    """
    if value is None:
        return None
    if isinstance(value, WidthSchedule):
        value = value._asdict()
    if not isinstance(value, Mapping) or set(value) != set(WidthSchedule._fields):
        shown = dict(value) if isinstance(value, Mapping) else value
        raise checks.refuse(key, shown, "null or {factor: .., share: ..}, such as {factor: 4, share: 0.6}")
    factor = checks.number(f"{key}.factor", value["factor"], least=1, most=LARGEST)
    return WidthSchedule(factor, checks.number(f"{key}.share", value["share"], above=0, most=1))


def width_schedules(key: str, value: Any) -> ByKind:
    """The schedules of the read heads and of the write heads, from one for all heads or one for each kind.

    >>> width_schedules("sigma_schedule", {"read": {"factor": 4, "share": 0.5}, "write": None})
    ByKind(read=WidthSchedule(factor=4.0, share=0.5), write=None)

    Raises:
        checks.Refusal: as `width_schedule`.
    """
    if isinstance(value, Mapping) and set(value) & set(ByKind._fields):
        return by_kind(key, value, width_schedule)
    return ByKind(*[width_schedule(key, value)] * 2)


def width_biases(key: str, value: Any, scales: int, sigma_min: float, sigma_max: float | None) -> list[float]:
    """The biases b_k that make the widths of all scales value 2^k at raw = 0, see `DMSNTM`.

    Raises:
        checks.Refusal: a width that is not between the bounds; it names the key.
    """
    biases = []
    first = checks.number(key, value, above=0, below=LARGEST)
    for width in (first * 2.0**k for k in range(scales)):
        if width <= sigma_min:
            raise checks.refuse(key, value, f"above sigma_min={sigma_min}")
        if width >= (LARGEST if sigma_max is None else sigma_max):
            bound = f"{LARGEST:g} slots" if sigma_max is None else f"sigma_max={sigma_max}"
            doubled = f" after {scales - 1} doublings, as num_scales={scales}" if scales > 1 else ""
            raise checks.refuse(key, value, f"below {bound}{doubled}")
        if sigma_max is None:
            biases.append(inverse_softplus(width - sigma_min))
        else:
            biases.append(math.log((width - sigma_min) / (sigma_max - width)))
    return biases


def inverse_softplus(y: float) -> float:
    """Inverse of softplus: the x with log(1 + e^x) = y, for y > 0, without overflow."""
    return y + math.log(-math.expm1(-y))
