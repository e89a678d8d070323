"""Equations of a tape: a ring of cells that moves under a head, which stands over cell 0.

Deletang et al., arXiv:2207.02098, appendix A.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

#: Moves of a head along its tape, in the order of their probabilities; the jumps are by the length of the input.
MOVES = ("stay", "forward", "back", "jump_forward", "jump_back")


def advances(length: Float[Tensor, "B"], moves: int) -> Integer[Tensor, "B A"]:
    """How many cells the head advances by each of the first `moves` of MOVES.

    >>> advances(torch.tensor([7.0]), 5)
    tensor([[ 0,  1, -1,  7, -7]])
    """
    jump = length.round().long().unsqueeze(1)
    by_one = torch.tensor([0, 1, -1], device=length.device).expand(len(length), 3)
    return torch.cat([by_one, jump, -jump], 1)[:, :moves]


def move(
    tape: Float[Tensor, "B N M"], p: Float[Tensor, "B A"], advance: Integer[Tensor, "B A"]
) -> Float[Tensor, "B N M"]:
    """The mean of the tapes after each move: tape'(i) = sum_a p_a tape(i + advance_a mod N)."""
    batch, cells, words = tape.shape
    source = (torch.arange(cells, device=tape.device) + advance.unsqueeze(2)).remainder(cells).flatten(1)
    # Rows of one long table: much faster than `gather`, which copies number by number.
    first = cells * torch.arange(batch, device=tape.device).unsqueeze(1)
    every = tape.flatten(0, 1).index_select(0, (first + source).flatten())
    return (p.unsqueeze(1) @ every.view(batch, -1, cells * words)).view(batch, cells, words)


def place(mark: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Where the head is, counted from the cell where it began, from a mark of that cell: w(i) = mark(-i mod N)."""
    return mark.flip(1).roll(1, 1)


def in_place(tape: Float[Tensor, "B N M"], place: Float[Tensor, "B N"]) -> Float[Tensor, "B N M"]:
    """A tape from the cell where its head began: sum_j w(j) tape(i - j mod N), for the place w of the head."""
    cells = torch.arange(tape.shape[1], device=tape.device)
    return place[:, (cells.unsqueeze(1) - cells).remainder(len(cells))] @ tape
