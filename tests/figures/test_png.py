"""PNG files; a figure that cannot be drawn is a warning."""

import io

import numpy as np
import pytest
from PIL import Image

from src.figures.png import figure_errors_as_warnings, pngs, reason
from src.figures.style import Figure


class Broken(Figure):
    """A figure that cannot be drawn."""

    def draw(self, renderer):
        raise RuntimeError("no LaTeX\nin ten lines")


def test_a_figure_that_cannot_be_drawn_is_left_out_with_a_warning(caplog):
    found = pngs({"a": Figure(figsize=(2, 1)), "b": Broken(), "c": Figure(figsize=(1, 1))}, 50)
    assert {name: Image.open(io.BytesIO(content)).size for name, content in found.items()} == {
        "a": (100, 50),
        "c": (50, 50),
    }
    assert [record.getMessage() for record in caplog.records] == [
        "The figure b cannot be drawn: RuntimeError: no LaTeX"
    ]


def test_the_same_figure_is_the_same_file():
    one, other = (pngs({"a": Figure(figsize=(2, 1))}, 50)["a"] for _ in range(2))
    assert one == other
    assert b"Software" not in one
    assert np.asarray(Image.open(io.BytesIO(one))).min() == 255


class TimeOut(Exception):
    """Stands for the exception that submitit raises at any point."""


TimeOut.__module__ = "submitit.core.utils"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, TimeOut])
def test_exceptions_that_end_a_job_are_raised(kind):
    with pytest.raises(kind), figure_errors_as_warnings("a"):
        raise kind


def test_as_a_decorator():
    assert figure_errors_as_warnings("a")(lambda x: x)(3) == 3
    assert figure_errors_as_warnings("a")(lambda x: 1 / x)(0) is None
    assert reason(MemoryError()) == "MemoryError"
