"""Walks from word to word of a sequence by signed distances, and the base class of tasks whose answers follow one.

No distance wraps round: a walk stays inside 0..L-1. It prefers words not yet visited, for short cycles would make
it easy; where no such word is within reach, it goes to one visited before. It can always go back, and so go on.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch
from .generated import TEST, Generated
from .words import bit_names, random_words

#: The test set of held-out distances; its random stream is that of its cell with a further number.
HELD_OUT = "held_out"


def moves(length: int, distances: Sequence[int]) -> Integer[Tensor, "L moves"]:
    """The words that lie these distances before and after each word; L, which is no word, where there is none.

    >>> moves(3, [1, 2, 5])
    tensor([[3, 1, 3, 2],
            [0, 2, 3, 3],
            [1, 3, 0, 3]])
    """
    signed = torch.tensor([sign * one for one in distances if one < length for sign in (-1, 1)])
    targets = torch.arange(length).unsqueeze(1) + signed
    return targets.masked_fill_((targets < 0) | (targets >= length), length)


def walk(
    source: torch.Generator, size: int, length: int, hops: int, distances: Sequence[int]
) -> Integer[Tensor, "B answers"]:
    """Words of random walks that begin at word 0."""
    targets = moves(length, distances)
    # The best of random ranks 0..1 is taken; words not yet visited have one more, and what is no word two less.
    bonus = torch.ones(size, length + 1)
    bonus[:, length] = -2.0
    ranks = torch.rand(hops, size, targets.shape[1], generator=source)
    here = torch.zeros(size, 1, dtype=torch.long)
    path = [here]
    for rank in ranks:
        bonus.scatter_(1, here, 0.0)
        possible = targets[here.squeeze(1)]
        best = (rank + bonus.gather(1, possible)).argmax(1, keepdim=True)
        here = possible.gather(1, best)
        path.append(here)
    return torch.cat(path, 1)


def chain(
    source: torch.Generator, size: int, length: int, hops: int, distances: Sequence[int]
) -> tuple[Integer[Tensor, "B answers"], Integer[Tensor, "B L"]]:
    """Words of random walks that begin at word 0, and for each word the one that it points to.

    A word has one pointer, so a walk that returns to a word repeats its way from there. Words off the walk point
    to random ones within reach; a word from which no distance leads, which no walk visits, points to itself.
    """
    targets = moves(length, distances).expand(size, -1, -1)
    ranks = torch.rand(targets.shape, generator=source).masked_fill_(targets == length, -1.0)
    pointers = targets.gather(2, ranks.argmax(2, keepdim=True)).squeeze(2)
    pointers = torch.where(pointers == length, torch.arange(length), pointers)
    path = walk(source, size, length, hops, distances).split(1, 1)
    for here, there in reversed([*pairwise(path)]):  # the first visit comes last, and so decides
        pointers.scatter_(1, here, there)
    followed = [path[0]]
    for _ in range(hops):
        followed.append(pointers.gather(1, followed[-1]))
    return torch.cat(followed, 1), pointers


class Walks(Generated, ABC):
    """Base class: L words are heard, then a flag; the answers are the words of a walk, the first one at the flag.

    Inputs are `width` bits, the flag, and a distance. As a scalar it is divided by the root mean square of the
    distances of training, each taken once. One-hot it has one input for each of -reach..-1 and 1..reach, none of
    which is a number.

    Required methods:
        sequences(source, size, length, hops, distances) -> `SequenceBatch`: with walks of these distances.

    The reach of a cell is the largest distance of its walks; in training it is D.

    Args:
        reach: largest distance of training, D; below max_length, and in a test cell below its length.
        held_out: distances up to D, forward and back, that only test sets of that name have, which have no others:
            `held_out`, of the largest sizes of training, and one for each test cell with room for them, such as
            `held_out_length32_hops16_reach8`. Without any there are no such sets.
        min_length, max_length: words of a sequence in training; both may be the same.
        min_hops, max_hops: moves of a walk in training; both may be the same.
        encoding: of distances, scalar or one_hot.
        width: bits of a word.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "bits_without_end"
    has_input_length = True
    axes = (
        Axis("length", "lengths", named=True),
        Axis("hops", "hops", named=True),
        Axis("reach", "reaches", named=True),
    )

    def __init__(
        self,
        reach: int = 8,
        held_out: Sequence[int] = (),
        min_length: int = 4,
        max_length: int = 16,
        min_hops: int = 1,
        max_hops: int = 8,
        encoding: str = "scalar",
        width: int = 8,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        self.reach = checks.integer("reach", reach)
        checks.integer("min_length", min_length, least=2)
        self.lengths = checks.span("length", min_length, max_length)
        if reach >= max_length:
            raise checks.refuse("reach", reach, f"below max_length={max_length}")
        self.held_out = self.check_held_out(held_out)
        self.distances = self.distances_to(reach)
        if not self.distances:
            raise checks.refuse("held_out", held_out, f"such that training keeps one of the distances 1..{reach}")
        self.check_length("min_length", min_length)
        self.hops = checks.span("hops", min_hops, max_hops)
        self.reaches = self.distances[0], reach
        self.encoding = checks.choice("encoding", encoding, ("scalar", "one_hot"))
        # After the keys above: test cells in conf/ take the reach from them.
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        for i, cell in enumerate(self.test_cells):
            self.check_fit(f"test_cells[{i}]", cell)
        self.width = checks.integer("width", width)
        self.scale = math.sqrt(sum(one**2 for one in self.distances) / len(self.distances))
        self.signed = [*range(-reach, 0), *range(1, reach + 1)]
        scalar = encoding == "scalar"
        self.input_size = width + 1 + (1 if scalar else len(self.signed))
        self.output_size = width
        self.numbers = (width + 1,) if scalar else ()

    @abstractmethod
    def sequences(
        self, source: torch.Generator, size: int, length: int, hops: int, distances: Sequence[int]
    ) -> SequenceBatch:
        """Random sequences of a cell with walks of these distances."""

    def distances_to(self, reach: int, held_out: bool = False) -> list[int]:
        """The distances up to a reach that are held out, or those that are not."""
        return [one for one in range(1, reach + 1) if (one in self.held_out) == held_out]

    def sizes(self, source: torch.Generator) -> tuple[int, ...]:
        """A random length and number of hops, and the reach D."""
        spans = self.lengths, self.hops
        return *(int(torch.randint(least, most + 1, (), generator=source)) for least, most in spans), self.reach

    def draw(
        self, source: torch.Generator, size: int, length: int, hops: int, reach: int, held_out: bool = False
    ) -> SequenceBatch:
        if not held_out:
            self.check_fit("cell", (length, hops, reach))
        return self.sequences(source, size, length, hops, self.distances_to(reach, held_out))

    def further_tests(self) -> dict[str, Sequence[SequenceBatch]]:
        cells: dict[str, tuple[int, ...]] = {HELD_OUT: (self.lengths[1], self.hops[1], self.reach)}
        cells |= {f"{HELD_OUT}_{self.name_of(cell)}": cell for cell in self.test_cells}
        return {
            name: self.batches(self.source(TEST, *cell, 1), self.cell_size, cell, held_out=True)
            for name, cell in cells.items()
            if self.held_out and self.held_out[0] <= cell[2]
        }

    def lay_out(self, source: torch.Generator, length: int, path: Integer[Tensor, "B answers"]) -> SequenceBatch:
        """Sequences of random words to hear and the words of a walk that are due, without distances."""
        size, answers = path.shape
        words = random_words(source, size, length, self.width)
        x = torch.zeros(size, length + answers, self.input_size)
        x[:, :length, : self.width] = words
        x[:, length, self.width] = 1.0
        y = torch.zeros(size, length + answers, self.width)
        y[:, length:] = words[torch.arange(size).unsqueeze(1), path]
        mask = torch.zeros(size, length + answers)
        mask[:, length:] = 1.0
        return SequenceBatch(x, y, mask)

    def encode(self, distances: Integer[Tensor, "B n"]) -> Float[Tensor, "B n features"]:
        """Signed distances as inputs; 0, which leads nowhere, is 0 in all of them."""
        if self.encoding == "scalar":
            return (distances / self.scale).unsqueeze(-1)
        return (distances.unsqueeze(-1) == torch.tensor(self.signed)).float()

    def steps_of(self, length: int, hops: int, reach: int) -> int:
        """L + 1 + hops."""
        return length + 1 + hops

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        told = ["distance"] if self.encoding == "scalar" else [f"{one:+d}" for one in self.signed]
        return [*payload, "go", *told], payload

    def check_held_out(self, held_out: Any) -> list[int]:
        """The held-out distances in ascending order, each once."""
        if not isinstance(held_out, list | tuple):
            raise checks.refuse("held_out", held_out, "a list of distances, empty for none")
        for i, one in enumerate(held_out):
            if checks.integer(f"held_out[{i}]", one) > self.reach:
                raise checks.refuse(f"held_out[{i}]", one, f"at most reach={self.reach}")
        return sorted(set(held_out))

    def check_length(self, key: str, length: int) -> None:
        """Refuse a length in which no distance of training leads from the first word to another."""
        if length <= self.distances[0]:
            allowed = f"above the shortest distance of training, {self.distances[0]}"
            raise checks.refuse(key, length, allowed)

    def check_fit(self, key: str, cell: tuple[int, ...]) -> None:
        """Refuse a cell without a first move, or with distances for which there is no input."""
        length, _, reach = cell
        shortest = self.distances[0]
        if reach < shortest:
            raise checks.refuse(f"{key}[2]", reach, f"at least the shortest distance of training, {shortest}")
        if self.encoding == "one_hot" and reach > self.reach:
            allowed = f"at most reach={self.reach} with encoding=one_hot, which has no input for longer distances"
            raise checks.refuse(f"{key}[2]", reach, allowed)
        self.check_length(f"{key}[0]", length)

    @classmethod
    def check_cell(cls, key: str, cell: tuple[int, ...]) -> None:
        length, _, reach = cell
        checks.integer(f"{key}[0]", length, least=2)
        if reach >= length:
            raise checks.refuse(key, list(cell), "[length, hops, reach] with a reach below the length")
