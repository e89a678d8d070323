"""Lengths of the sequences of a task."""

from .base import Task


def longest_of_training(task: Task) -> int:
    """T of the longest sequences of training; of validation, for a task that cannot say."""
    if task.steps is not None:
        return task.steps
    if task.axes:
        return task.steps_of(*(most for _, most in task.trained))
    task.setup()
    return max(batch.x.shape[1] for batch in task.validation)


def longest_of_all(task: Task) -> int:
    """T of the longest sequences of training, validation and all test sets, which are drawn if T may differ."""
    if task.steps is not None:
        return task.steps
    task.setup()
    sets = [task.validation, *task.tests.values()]
    return max(longest_of_training(task), *(batch.x.shape[1] for batches in sets for batch in batches))
