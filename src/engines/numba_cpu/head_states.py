"""State of the heads of a machine as the tensors that the kernels take, and back."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from ...cells.base import State
from ...cells.machine_state import Anchored


class HeadTensors(NamedTuple):
    """State of heads of any kind; zeros, or N = 0 for `bookmark`, where a kind has no such state."""

    w: Float[Tensor, "B H N"]  # weightings
    place: Float[Tensor, "B H"]  # positions
    bookmark: Float[Tensor, "B H N"]  # bookmarks that are weightings
    bookmark_place: Float[Tensor, "B H"]  # bookmarks that are positions


def tensors_of(heads: State, slots: int) -> HeadTensors:
    """The state of heads on a memory of `slots` as the kernels take it."""
    head, bookmark = heads if isinstance(heads, Anchored) else (heads, None)
    every = head.shape[:2]
    nowhere, none = head.new_zeros(every), head.new_zeros(*every, 0)
    if head.dim() == 2:
        return HeadTensors(head.new_zeros(*every, slots), head, none, nowhere if bookmark is None else bookmark)
    return HeadTensors(head, nowhere, none if bookmark is None else bookmark, nowhere)


def state_of(tensors: HeadTensors, like: State) -> State:
    """The inverse of `tensors_of`, for a state of the kind of `like`."""
    by_position = (like.head if isinstance(like, Anchored) else like).dim() == 2
    head, bookmark = (tensors.place, tensors.bookmark_place) if by_position else (tensors.w, tensors.bookmark)
    return Anchored(head, bookmark) if isinstance(like, Anchored) else head
