"""Base class of tasks whose answers follow a walk from word to word by signed distances, see `src.tasks.paths`."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..common import checks
from .axes import Axis, cell_name
from .batches import SequenceBatch, answered
from .generated import TEST, Generated
from .paths import Moves, NoWalk, walk_to_last
from .words import bit_names, random_words

#: The test set of held-out distances; its random stream, as that of one distance, has a number beside its cell.
HELD_OUT = "held_out"


class Walks(Generated):
    """Base class: L words are heard, then a flag; the answers are the words of a walk, the first one at the flag.

    Inputs are `width` bits, the flag, and a distance. As a scalar it is divided by the root mean square of the
    distances of training, each taken once. One-hot it has one input for each of -reach..-1 and 1..reach, none of
    which is a number.

    Required methods:
        sequences(source, size, length, moves) -> `SequenceBatch`: with walks of these moves.

    The reach of a cell is the largest distance of its walks; in training it is D.

    Args:
        reach: largest distance of training, D; below max_length, and in a test cell below its length.
        held_out: distances up to D, forward and back, that training does not have. Test sets of their own have
            these distances alone: `held_out`, of the largest sizes of training, and one for each test cell with
            room for them, such as `held_out_length32_hops16_reach8`; a reach above D adds none. None by default.
        distance_tests: distances, forward and back, each with a test set such as `distance3`, of the largest sizes
            of training. The last move of each walk has this distance, and only its word counts; the moves before
            have distances of training, and no word comes twice. A distance may be held out, or beyond D (not with
            one_hot).
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
    further_axes = (Axis("distance", "distances", named=True),)

    def __init__(
        self,
        reach: int = 8,
        held_out: Sequence[int] = (),
        distance_tests: Sequence[int] = (),
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
        self.held_out = self.check_distances("held_out", held_out, reach, f"reach={reach}")
        self.distances = self.distances_to(reach)
        if not self.distances:
            raise checks.refuse("held_out", held_out, f"such that training keeps one of the distances 1..{reach}")
        self.check_length("min_length", min_length)
        self.hops = checks.span("hops", min_hops, max_hops)
        self.reaches = self.distances[0], reach
        self.encoding = checks.choice("encoding", encoding, ("scalar", "one_hot"))
        scalar = encoding == "scalar"
        most = (max_length - 1, f"max_length-1={max_length - 1}") if scalar else (reach, f"reach={reach}")
        self.distance_tests = self.check_distances("distance_tests", distance_tests, *most)
        # After the keys above: test cells in conf/ take the reach from them.
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        for i, cell in enumerate(self.test_cells):
            self.check_fit(f"test_cells[{i}]", cell)
        self.width = checks.integer("width", width)
        self.scale = math.sqrt(sum(one**2 for one in self.distances) / len(self.distances))
        self.signed = [*range(-reach, 0), *range(1, reach + 1)]
        self.input_size = width + 1 + (1 if scalar else len(self.signed))
        self.output_size = width
        self.numbers = (width + 1,) if scalar else ()
        self.check_last_moves()

    @abstractmethod
    def sequences(self, source: torch.Generator, size: int, length: int, moves: Moves) -> SequenceBatch:
        """Random sequences of a length, with walks of these moves."""

    def distances_to(self, reach: int, held_out: bool = False) -> list[int]:
        """The distances up to a reach that are held out, or those that are not."""
        return [one for one in range(1, reach + 1) if (one in self.held_out) == held_out]

    def sizes(self, source: torch.Generator) -> tuple[int, ...]:
        """A random length and number of hops, and the reach D."""
        spans = self.lengths, self.hops
        return *(int(torch.randint(least, most + 1, (), generator=source)) for least, most in spans), self.reach

    def draw(
        self,
        source: torch.Generator,
        size: int,
        length: int,
        hops: int,
        reach: int,
        distances: Sequence[int] | None = None,
        last: int | None = None,
    ) -> SequenceBatch:
        """Random sequences of a cell, with walks of some distances.

        By default these are all up to its reach that are not held out.
        If the last move has a distance of its own, the word that it leads to is the only answer that counts.
        """
        if distances is None:
            self.check_fit("cell", (length, hops, reach))
            distances = self.distances_to(reach)
        batch = self.sequences(source, size, length, Moves(hops, distances, last))
        if last is not None:
            for tensor in (batch.y, batch.mask):
                tensor[:, :-1] = 0.0
        return batch

    def further_tests(self) -> dict[str, Sequence[SequenceBatch]]:
        longest = self.lengths[1], self.hops[1]
        cells = {HELD_OUT: (*longest, self.reach)} | {
            f"{HELD_OUT}_{self.name_of(cell)}": cell for cell in self.test_cells
        }
        held_out = {name: (cell, self.distances_to(cell[2], held_out=True)) for name, cell in cells.items()}
        tests: dict[str, Sequence[SequenceBatch]] = {
            name: self.batches(self.source(TEST, *cell, 1), self.cell_size, cell, distances=distances)
            for name, (cell, distances) in held_out.items()
            if distances
        }
        largest = *longest, self.reach
        for one in self.distance_tests:
            source = self.source(TEST, *longest, one, 2)
            tests[cell_name(self.further_axes, [one])] = self.batches(source, self.cell_size, largest, last=one)
        return tests

    def input_length(self, batch: Any) -> Tensor:
        """Words before the flag, with which the answers begin also where only the last one counts."""
        return batch.x[..., self.width].argmax(1)

    def lay_out(self, source: torch.Generator, length: int, path: Integer[Tensor, "B answers"]) -> SequenceBatch:
        """Sequences of random words to hear and the words of a walk that are due, without distances."""
        size, answers = path.shape
        words = random_words(source, size, length, self.width)
        x = torch.zeros(size, length + answers, self.input_size)
        x[:, :length, : self.width] = words
        x[:, length, self.width] = 1.0
        return answered(x, words[torch.arange(size).unsqueeze(1), path])

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

    def check_distances(self, key: str, distances: Any, most: int, limit: str) -> list[int]:
        """Distances up to a limit, in ascending order, each once."""
        if not isinstance(distances, list | tuple):
            raise checks.refuse(key, distances, "a list of distances, empty for none")
        for i, one in enumerate(distances):
            if checks.integer(f"{key}[{i}]", one) > most:
                raise checks.refuse(f"{key}[{i}]", one, f"at most {limit}")
        return sorted(set(distances))

    def check_last_moves(self) -> None:
        """Refuse a distance of a test set for which no walk of the largest sizes leaves room."""
        length, hops = self.lengths[1], self.hops[1]
        for i, one in enumerate(self.distance_tests):
            try:
                # A distance with which fewer than one walk in thousands ends is refused, too.
                walk_to_last(self.source(TEST), 1, length, hops, self.distances, one, rounds=8)
            except NoWalk:
                words = f"max_length={length} words, none visited twice"
                allowed = f"a distance that can be the last of max_hops={hops} moves between {words}"
                raise checks.refuse(f"distance_tests[{i}]", one, allowed) from None

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
