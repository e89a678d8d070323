"""Widths of a focus: their initial values, and a schedule from wide to narrow over training."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from ..common import checks
from .by_head import KINDS, ByHead, Heads
from .layout import LARGEST

#: Smallest width in slots: float32 holds squares of a distance over it.
NARROWEST = 1e-6


def widths(raw: Float[Tensor, "B H K"], least: float, most: ByHead) -> Float[Tensor, "B H K"]:
    """least + softplus(raw); of heads with an upper bound, least + (most - least) sigmoid(raw)."""
    if len(set(most)) == 1:
        return _widths(raw, least, most[0])
    return torch.stack([_widths(one, least, bound) for one, bound in zip(raw.unbind(1), most, strict=True)], 1)


def _widths(raw: Tensor, least: float, most: float | None) -> Tensor:
    return least + softplus(raw) if most is None else least + (most - least) * raw.sigmoid()


def width_bound(key: str, value: Any, sigma_min: float) -> float | None:
    """An upper bound on the width, above sigma_min and at most LARGEST; None for none.

    Raises:
        checks.Refusal: another value.
    """
    return None if value is None else checks.number(key, value, above=sigma_min, most=LARGEST)


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


def width_schedules(key: str, value: Any, heads: Heads) -> ByHead:
    """The schedule of each head; that for all heads is a mapping, too.

    >>> width_schedules("sigma_schedule", {"read": {"factor": 4, "share": 0.5}, "write": None}, Heads(1, 1))
    (WidthSchedule(factor=4.0, share=0.5), None)

    Raises:
        checks.Refusal: as `width_schedule`.
    """
    if isinstance(value, Mapping) and not set(value) & set(KINDS):
        value = width_schedule(key, value)
    return heads.option(key, value, width_schedule)


def width_biases(
    initial: tuple[str, float | int], bound: tuple[str, float | int | None], sigma_min: float, scales: int
) -> list[float]:
    """The biases b_k of a head that make the widths of all scales sigma_init 2^k at raw = 0, see `DMSNTM`.

    Args:
        initial, bound: names and values of sigma_init and sigma_max of the head.

    Raises:
        checks.Refusal: a width that is not between the bounds.
    """
    biases = []
    (key, value), (name, sigma_max) = initial, bound
    for width in (value * 2.0**k for k in range(scales)):
        if width <= sigma_min:
            raise checks.refuse(key, value, f"above sigma_min={sigma_min}")
        if width >= (LARGEST if sigma_max is None else sigma_max):
            limit = f"{LARGEST:g} slots" if sigma_max is None else f"{name}={sigma_max}"
            doubled = f" after {scales - 1} doublings, as num_scales={scales}" if scales > 1 else ""
            raise checks.refuse(key, value, f"below {limit}{doubled}")
        if sigma_max is None:
            biases.append(inverse_softplus(width - sigma_min))
        else:
            biases.append(math.log((width - sigma_min) / (sigma_max - width)))
    return biases


def inverse_softplus(y: float) -> float:
    """Inverse of softplus: the x with log(1 + e^x) = y, for y > 0, without overflow."""
    return y + math.log(-math.expm1(-y))
