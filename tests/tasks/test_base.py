"""The base class of tasks: what a subclass must have."""

import pytest

from src.tasks.base import CELL_METHODS, MADE, PREPARED, Axis, Task
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


class Whole(Task):
    """A task with all that it must have."""

    objective, input_size, output_size, steps, batch_size, seed = "bits", 3, 2, None, 4, 0

    def prepare(self):
        self.validation, self.tests = [], {}

    def training_batch(self, n):
        return n

    def needed_slots(self, batch):
        return 1

    def examples(self):
        return []


def test_a_task_that_lacks_attributes_is_told_all_of_them():
    Whole().check()
    whole = Whole()
    whole.setup()
    members = dict(vars(Whole))
    for name in ("objective", "batch_size"):
        del members[name]
    with pytest.raises(TypeError, match=r"^Less lacks objective, batch_size, see the docstring of Task$"):
        type("Less", (Task,), members)().check()
    with pytest.raises(TypeError, match=r"^Unprepared lacks validation, tests, see"):
        type("Unprepared", (Whole,), {"prepare": lambda self: None})().setup()
    cells = {name: lambda *_: None for name in CELL_METHODS} | {"axes": (Axis("length", "lengths"),)}
    with pytest.raises(TypeError, match=r"^WithCells lacks test_cells, lengths, see"):
        type("WithCells", (Whole,), cells)().check()


def test_the_docstring_of_a_task_lists_every_member():
    documented = Task.__doc__
    for name in (*MADE, *PREPARED, *CELL_METHODS, *Task.__abstractmethods__, *Task.__annotations__):
        assert name in documented
    for name in ("probes", "channels", "test_cells"):
        assert name in documented
