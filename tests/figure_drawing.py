"""Figures, which take most of the time of a tiny run: making and drawing them can be turned off."""

import functools
import importlib
import inspect
import pkgutil
from contextlib import contextmanager

import src.figures
from src.figures.style import Figure

DRAW = Figure.draw


def turn(on):
    """Make and draw figures from now on, or leave them blank; they are saved in both cases."""
    Figure.draw = DRAW if on else _leave_blank


@contextmanager
def off():
    """Leave figures blank; also a decorator."""
    before = is_on()
    turn(False)
    yield
    turn(before)


def is_on():
    return Figure.draw is DRAW


def _leave_blank(figure, renderer):
    figure.stale = False


def _or_blank(function):
    @functools.wraps(function)
    def made(*arguments, **options):
        return function(*arguments, **options) if is_on() else Figure(figsize=(1, 1))

    return made


def _wrap():
    """Wrap the functions from arrays to a figure, before other modules import them."""
    for module in pkgutil.iter_modules(src.figures.__path__, "src.figures."):
        its = importlib.import_module(module.name)
        for name, function in inspect.getmembers(its, inspect.isfunction):
            if function.__module__ == module.name and function.__annotations__.get("return") is Figure:
                setattr(its, name, _or_blank(function))


_wrap()
