"""Drawing of figures, which takes most of the time of a tiny run: it can be turned off."""

from contextlib import contextmanager

from src.figures.style import Figure

DRAW = Figure.draw


def turn(on):
    """Draw figures from now on, or leave them blank; they are made and saved in both cases."""
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
