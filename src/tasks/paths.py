"""Random walks from word to word of a sequence by signed distances.

No distance wraps round: a walk stays inside 0..L-1. It prefers words not yet visited, for short cycles would make
it easy; where no such word is within reach, it goes to one visited before. It can always go back, and so go on.

To test one distance alone, the last move of a walk may have another distance. Such a walk visits no word twice, so
that the word it ends at has not been an answer before, and a pointer to it is followed by the last move alone.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

#: Walks to draw at a time where only some will do, and how often to draw until there is one.
DRAWN, ROUNDS = 512, 4096


class NoWalk(ValueError):
    """No walk was found that ends in a move of the distance asked for."""


class Moves(NamedTuple):
    """The moves of a walk: their number, their distances, and the distance of the last if that has its own."""

    hops: int
    distances: Sequence[int]
    last: int | None = None


def targets(length: int, distances: Sequence[int]) -> Integer[Tensor, "L moves"]:
    """The words that lie these distances before and after each word; L, which is no word, where there is none.

    >>> targets(3, [1, 2, 5])
    tensor([[3, 1, 3, 2],
            [0, 2, 3, 3],
            [1, 3, 0, 3]])
    """
    signed = torch.tensor([sign * one for one in distances if one < length for sign in (-1, 1)])
    words = torch.arange(length).unsqueeze(1) + signed
    return words.masked_fill_((words < 0) | (words >= length), length)


def walk(source: torch.Generator, size: int, length: int, moves: Moves) -> Integer[Tensor, "B answers"]:
    """Words of random walks that begin at word 0.

    Raises:
        NoWalk: see `walk_to_last`, where the last move has a distance of its own.
    """
    if moves.last is not None:
        return walk_to_last(source, size, length, moves.hops, moves.distances, moves.last)
    within_reach = _targets(length, tuple(moves.distances))
    ranks = torch.rand(moves.hops, size, within_reach.shape[1], generator=source).numpy()
    # The best of random ranks 0..1 is taken; words not yet visited have one more, and what is no word two less.
    # In numpy, whose calls on such small arrays take a third of the time of torch's.
    bonus = np.ones((size, length + 1), np.float32)
    bonus[:, length] = -2.0
    walks = np.arange(size)
    path = np.zeros((size, moves.hops + 1), np.int64)
    for n, rank in enumerate(ranks):
        here = path[:, n]
        bonus[walks, here] = 0.0
        possible = within_reach[here]
        best = (rank + bonus[walks[:, None], possible]).argmax(1)
        path[:, n + 1] = possible[walks, best]
    return torch.from_numpy(path)


@lru_cache
def _targets(length: int, distances: tuple[int, ...]) -> Integer[np.ndarray, "L moves"]:
    """As `targets`; must not be changed."""
    return targets(length, distances).numpy()


def walk_to_last(
    source: torch.Generator,
    size: int,
    length: int,
    hops: int,
    distances: Sequence[int],
    last: int,
    rounds: int = ROUNDS,
) -> Integer[Tensor, "B answers"]:
    """Walks that visit no word twice and end in a move of the distance `last`; others are drawn again.

    Raises:
        NoWalk: if none of `rounds` times `DRAWN` walks will do.
    """
    beyond = targets(length, [last])
    found: list[Tensor] = []
    while (missing := size - sum(map(len, found))) > 0:
        if not found and rounds == 0:
            raise NoWalk(f"no walk of {hops} moves between {length} words found that ends in a move by {last}")
        path = walk(source, DRAWN, length, Moves(hops - 1, distances))
        possible = beyond[path[:, -1]]
        ranks = torch.rand(possible.shape, generator=source).masked_fill_(possible == length, -1.0)
        path = torch.cat([path, possible.gather(1, ranks.argmax(1, keepdim=True))], 1)
        ordered = path.sort(1).values
        fits = (path[:, -1] < length) & (ordered.diff(dim=1) > 0).all(1)
        if fits.any():
            found.append(path[fits][:missing])
        rounds -= 1
    return torch.cat(found)


def chain(
    source: torch.Generator, size: int, length: int, moves: Moves
) -> tuple[Integer[Tensor, "B answers"], Integer[Tensor, "B L"]]:
    """Words of random walks that begin at word 0, and for each word the one that it points to.

    A word has one pointer, so a walk that returns to a word repeats its way from there. Words off the walk point
    to random ones within reach; a word from which no distance leads, which no walk visits, points to itself.

    Raises:
        NoWalk: as `walk`.
    """
    within_reach = targets(length, moves.distances).expand(size, -1, -1)
    ranks = torch.rand(within_reach.shape, generator=source).masked_fill_(within_reach == length, -1.0)
    chosen = within_reach.gather(2, ranks.argmax(2, keepdim=True)).squeeze(2)
    pointers = torch.where(chosen == length, torch.arange(length), chosen).numpy()
    path = walk(source, size, length, moves).numpy()
    walks = np.arange(size)
    for n in reversed(range(moves.hops)):  # the first visit comes last, and so decides
        pointers[walks, path[:, n]] = path[:, n + 1]
    for n in range(moves.hops):
        path[:, n + 1] = pointers[walks, path[:, n]]
    return torch.from_numpy(path), torch.from_numpy(pointers)
