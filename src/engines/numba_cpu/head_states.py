"""State of the heads of a machine as the tensors that the kernels take, and back."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from ...cells.base import State
from ...cells.machine_state import Anchored


class HeadTensors(NamedTuple):
    """State of heads of any kind; zeros, or N = 0 for `mark`, where a kind has no such state."""

    w: Float[Tensor, "B H N"]  # weightings
    place: Float[Tensor, "B H"]  # positions
    mark: Float[Tensor, "B H N"]  # bookmarks that are weightings
    mark_place: Float[Tensor, "B H"]  # bookmarks that are positions


def tensors_of(heads: State, slots: int) -> HeadTensors:
    """The state of heads on a memory of `slots` as the kernels take it."""
    head, mark = heads if isinstance(heads, Anchored) else (heads, None)
    every = head.shape[:2]
    nowhere, none = head.new_zeros(every), head.new_zeros(*every, 0)
    if head.dim() == 2:
        return HeadTensors(head.new_zeros(*every, slots), head, none, nowhere if mark is None else mark)
    return HeadTensors(head, nowhere, none if mark is None else mark, nowhere)


def state_of(tensors: HeadTensors, like: State) -> State:
    """The inverse of `tensors_of`, for a state of the kind of `like`."""
    by_position = (like.head if isinstance(like, Anchored) else like).dim() == 2
    head, mark = (tensors.place, tensors.mark_place) if by_position else (tensors.w, tensors.mark)
    return Anchored(head, mark) if isinstance(like, Anchored) else head
