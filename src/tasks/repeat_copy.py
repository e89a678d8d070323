"""Repeat-copy: read a sequence and a repeat count, output the sequence that often, then an end marker.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 4.2. For length 3 and 2 repeats, T = L + 2 + L R + 1:

    step         0    1    2    3    4    5    6    7    8    9    10   11
    payload in   x0   x1   x2   .    .    .    .    .    .    .    .    .
    delimiter    .    .    .    1    .    .    .    .    .    .    .    .
    repeats      .    .    .    .    2*   .    .    .    .    .    .    .       * normalised
    payload out  .    .    .    .    .    x0   x1   x2   x0   x1   x2   .
    end marker   .    .    .    .    .    0    0    0    0    0    0    1
    mask         0    0    0    0    0    1    1    1    1    1    1    1
"""

from collections.abc import Sequence
from typing import Any

import torch

from ..common import checks
from .axes import Axis
from .base import Example, Task
from .generated import EVALUATION_BATCH, FIGURE, PROBE, PROBE_SIZE, TEST, TRAINING, VALIDATION
from .repeat_copy_sampler import RepeatCopyBatch, build, sample
from .streams import generator
from .words import bit_names, random_words


class RepeatCopy(Task):
    """Repeat-copy as a LightningDataModule: fresh training batches, fixed validation and test sets.

    The test sets are `in_distribution` and one per test cell, named "10x20" for length 10 and 20 repeats.

    Args:
        min_length, max_length: of a payload, in training; both may be the same.
        min_repeats, max_repeats: in training; both may be the same.
        width: bits of a payload word.
        batch_size: sequences in a training batch.
        ragged: every sequence has its own length and repeats, padded and masked; otherwise a batch shares them,
            which is faster without padding.
        count_noise: standard deviation of noise on the normalised repeat count, in training alone.
        end_weight: weight of the end marker in the loss of training; every other bit has 1.
        test_cells: [length, repeats] pairs to test on beyond training.
        validation_size, test_size: sequences of the in-distribution sets.
        cell_size: sequences of a test cell.
        seed: of the training stream.
    """

    objective = "repeated_bits"
    steps = None
    has_input_length = True
    axes = (Axis("length", "lengths"), Axis("repeats", "repeats"))
    like_training = ("in_distribution",)

    def __init__(
        self,
        min_length: int = 1,
        max_length: int = 10,
        min_repeats: int = 1,
        max_repeats: int = 10,
        width: int = 8,
        batch_size: int = 16,
        ragged: bool = False,
        count_noise: float = 0.0,
        end_weight: float = 1.0,
        test_cells: list[list[int]] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.lengths = checks.span("length", min_length, max_length)
        self.repeats = checks.span("repeats", min_repeats, max_repeats)
        self.width = checks.integer("width", width)
        self.batch_size = checks.integer("batch_size", batch_size)
        self.ragged = checks.flag("ragged", ragged)
        self.count_noise = checks.number("count_noise", count_noise, least=0)
        self.end_weight = checks.number("end_weight", end_weight, above=0)
        self.test_cells = self.check_cells("test_cells", [] if test_cells is None else test_cells)
        self.validation_size = checks.integer("validation_size", validation_size)
        self.test_size = checks.integer("test_size", test_size)
        self.cell_size = checks.integer("cell_size", cell_size)
        self.seed = checks.integer("seed", seed, least=0)
        self.input_size, self.output_size = width + 2, width + 1
        self.numbers = (width + 1,)

    def training_batch(self, n: int) -> RepeatCopyBatch:
        source = generator(TRAINING, self.seed, n)
        size = self.batch_size
        batch = sample(source, size, self.lengths, self.repeats, self.repeats, self.width, self.ragged)
        if self.count_noise:
            noise = self.count_noise * torch.randn(size, generator=source)
            batch.x[torch.arange(size), batch.lengths + 1, self.width + 1] += noise
        return batch._replace(end_weight=torch.full((size,), self.end_weight))

    def prepare(self) -> None:
        self.validation = self.fixed(self.validation_size, self.lengths, self.repeats, VALIDATION)
        self.tests = {"in_distribution": self.fixed(self.test_size, self.lengths, self.repeats, TEST)}
        self.tests |= {self.name_of(cell): self.cell(*cell) for cell in self.test_cells}

    @classmethod
    def check_cells(cls, key: str, cells: Any) -> list[tuple[int, ...]]:
        """[length, repeats] pairs; raises a Refusal that names the invalid one."""
        if not isinstance(cells, list | tuple):
            raise checks.refuse(key, cells, "a list of [length, repeats] pairs, such as [[10,20],[20,10]]")
        pairs: list[tuple[int, ...]] = []
        for i, cell in enumerate(cells):
            pair = checks.integers(f"{key}[{i}]", cell)
            if len(pair) != 2:
                raise checks.refuse(f"{key}[{i}]", cell, "a [length, repeats] pair, such as [10,20]")
            pairs.append(tuple(pair))
        return pairs

    def cell(self, length: int, repeats: int) -> list[RepeatCopyBatch]:
        """The test sequences of one length and one number of repeats."""
        return self.fixed(self.cell_size, (length, length), (repeats, repeats), TEST)

    def probes(self) -> dict[str, Sequence[RepeatCopyBatch]]:
        """A few sequences of each test cell, from a separate random stream."""
        return {
            self.name_of((length, repeats)): self.fixed(PROBE_SIZE, (length, length), (repeats, repeats), PROBE)
            for length, repeats in self.test_cells
        }

    def fixed(
        self, size: int, lengths: tuple[int, int], repeats: tuple[int, int], stream: int
    ) -> list[RepeatCopyBatch]:
        """A fixed set: lengths and repeats drawn per sequence, and batched by similar T."""
        source = generator(stream, *lengths, *repeats, self.width)
        shapes = [torch.randint(least, most + 1, (size,), generator=source) for least, most in (lengths, repeats)]
        order = (shapes[0] * shapes[1] + shapes[0]).argsort(stable=True)  # by T, which keeps padding small
        payload = random_words(source, size, lengths[1], self.width)
        chunks = (part[order].split(EVALUATION_BATCH) for part in (payload, *shapes))
        return [
            build(words[:, : int(length.max())], length, repeat, self.repeats)
            for words, length, repeat in zip(*chunks, strict=True)
        ]

    def examples(self) -> list[Example]:
        """One of the largest length and repeats of training, then one of each test cell."""
        cells: list[tuple[int, ...]] = [(self.lengths[1], self.repeats[1]), *self.test_cells]
        return [self.example(*cell) for cell in dict.fromkeys(cells)]

    def example(self, length: int, repeats: int) -> Example:
        """One sequence of a length and a number of repeats, for figures; no test set holds it."""
        source = generator(FIGURE, length, repeats, self.width)
        span = (length, length), (repeats, repeats)
        batch = sample(source, 1, *span, self.repeats, self.width, ragged=False)
        return Example(
            name=self.name_of((length, repeats)),
            title=f"Length {length}, Repeat {repeats}",
            x=batch.x,
            y=batch.y,
            mask=batch.mask,
            marks={"answer": length + 2},
            needed_slots=self.needed_slots(batch),
        )

    def steps_of(self, length: int, repeats: int) -> int:
        """L + 2 + L R + 1."""
        return length * (repeats + 1) + 3

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "delimiter", "repeats"], [*payload, "end"]

    def needed_slots(self, batch: RepeatCopyBatch) -> int:
        """One slot per word, one for the delimiter and one for the repeat count."""
        return int(batch.lengths.max()) + 2
