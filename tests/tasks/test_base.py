"""The base class of tasks: what a subclass must have."""

import pytest

from src.tasks.base import CELL_METHODS, Axis, Task
from src.tasks.mnist1d import MNIST1D


def test_a_task_that_lacks_a_method_cannot_be_made():
    class Incomplete(Task):
        def prepare(self):
            pass

    with pytest.raises(TypeError, match=r"abstract methods .*training_batch"):
        Incomplete()


@pytest.mark.parametrize("name", CELL_METHODS)
def test_a_task_with_axes_has_all_methods_of_test_cells(name):
    members = {one: lambda *_: None for one in CELL_METHODS if one != name}
    with pytest.raises(TypeError, match=f"^Sums has axes and lacks {name}$"):
        type("Sums", (Task,), {**members, "axes": (Axis("length", "lengths"),)})
    type("Sums", (Task,), members)  # without axes none is needed


@pytest.mark.parametrize("name", CELL_METHODS)
def test_a_task_without_axes_has_no_test_cells(name):
    arguments = ("test_cells", []) if name == "check_cells" else (3,)
    with pytest.raises(TypeError, match=r"^MNIST1D has no axes, and so no test cells$"):
        getattr(MNIST1D(), name)(*arguments)
