"""Formatting of numbers in tables."""

import math
from collections.abc import Callable


def shown(value: float) -> str:
    """A metric as text, with digits by its size.

    >>> shown(0.97265), shown(0.0312), shown(0.00231), shown(0.0), shown(52.39), shown(1925.4), shown(math.inf)
    ('0.973', '0.031', '0.0023', '0', '52.4', '1,925', '∞')
    """
    if math.isinf(value):
        return "∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size < 0.01:
        return f"{value:.2g}"
    return f"{value:.3f}" if size < 2 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def signed(value: float) -> str:
    """A difference, with its sign.

    >>> signed(0.0123), signed(-0.2), signed(0.0)
    ('+0.012', '-0.200', '0')
    """
    text = shown(abs(value))
    return text if text == "0" else f"{'+' if value > 0 else '-'}{text}"


def between(interval: tuple[float, float] | None, form: Callable[[float], str] = shown) -> str:
    """An interval as text; empty for None.

    >>> between((0.1, 0.25)), between((-0.1, 0.25), signed), between(None)
    ('[0.100, 0.250]', '[-0.100, +0.250]', '')
    """
    return "" if interval is None else f"[{form(interval[0])}, {form(interval[1])}]"
