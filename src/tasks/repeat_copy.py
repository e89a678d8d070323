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

import torch

from ..common import checks
from .axes import Axis
from .base import Example
from .generated import EVALUATION_BATCH, PROBE, PROBE_SIZE, TEST, TRAINING, Generated
from .repeat_copy_sampler import RepeatCopyBatch, build, sample
from .streams import generator
from .words import bit_names, random_words


class RepeatCopy(Generated):
    """Repeat-copy as a LightningDataModule: fresh training batches, fixed validation and test sets.

    The sequences of its fixed sets differ in length and repeats, and are padded.

    Args:
        min_length, max_length: of a payload, in training; both may be the same.
        min_repeats, max_repeats: in training; both may be the same.
        width: bits of a payload word.
        ragged: every sequence has its own length and repeats, padded and masked; otherwise a batch shares them,
            which is faster without padding.
        count_noise: standard deviation of noise on the normalised repeat count, in training alone.
        end_weight: weight of the end marker in the loss of training; every other bit has 1.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "repeated_bits"
    has_input_length = True
    of_training = ("batch_size", "ragged", "count_noise", "end_weight")
    axes = (Axis("length", "lengths"), Axis("repeats", "repeats"))

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
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = checks.span("length", min_length, max_length)
        self.repeats = checks.span("repeats", min_repeats, max_repeats)
        self.width = checks.integer("width", width)
        self.ragged = checks.flag("ragged", ragged)
        self.count_noise = checks.number("count_noise", count_noise, least=0)
        self.end_weight = checks.number("end_weight", end_weight, above=0)
        self.input_size, self.output_size = width + 2, width + 1
        self.numbers = (width + 1,)

    def source(self, *stream: int) -> torch.Generator:
        # Not those of `Generated`, which are younger than published runs of this task.
        return generator(*stream) if stream[0] == TRAINING else generator(*stream, self.width)

    def training_batch(self, n: int) -> RepeatCopyBatch:
        source = self.source(TRAINING, self.seed, n)
        size = self.batch_size
        batch = sample(source, size, self.lengths, self.repeats, self.repeats, self.width, self.ragged)
        if self.count_noise:
            noise = self.count_noise * torch.randn(size, generator=source)
            batch.x[torch.arange(size), batch.lengths + 1, self.width + 1] += noise
        return batch._replace(end_weight=torch.full((size,), self.end_weight))

    def draw(self, source: torch.Generator, size: int, length: int, repeats: int) -> RepeatCopyBatch:
        spans = (length, length), (repeats, repeats)
        return sample(source, size, *spans, self.repeats, self.width, ragged=False)

    def mixed(self, size: int, *stream: int) -> list[RepeatCopyBatch]:
        return self.fixed(size, self.lengths, self.repeats, *stream)

    def cell(self, length: int, repeats: int) -> list[RepeatCopyBatch]:
        return self.fixed(self.cell_size, (length, length), (repeats, repeats), TEST)

    def probes(self) -> dict[str, Sequence[RepeatCopyBatch]]:
        return {
            self.name_of((length, repeats)): self.fixed(PROBE_SIZE, (length, length), (repeats, repeats), PROBE)
            for length, repeats in self.test_cells
        }

    def fixed(
        self, size: int, lengths: tuple[int, int], repeats: tuple[int, int], stream: int
    ) -> list[RepeatCopyBatch]:
        """A fixed set: lengths and repeats drawn per sequence, and batched by similar T."""
        source = self.source(stream, *lengths, *repeats)
        shapes = [torch.randint(least, most + 1, (size,), generator=source) for least, most in (lengths, repeats)]
        order = (shapes[0] * shapes[1] + shapes[0]).argsort(stable=True)  # by T, which keeps padding small
        payload = random_words(source, size, lengths[1], self.width)
        chunks = (part[order].split(EVALUATION_BATCH) for part in (payload, *shapes))
        return [
            build(words[:, : int(length.max())], length, repeat, self.repeats)
            for words, length, repeat in zip(*chunks, strict=True)
        ]

    def example(self, length: int, repeats: int) -> Example:
        """A sequence to show, with a title as in the paper."""
        return super().example(length, repeats)._replace(title=f"Length {length}, Repeat {repeats}")

    def steps_of(self, length: int, repeats: int) -> int:
        """L + 2 + L R + 1."""
        return length * (repeats + 1) + 3

    def channels(self) -> tuple[list[str], list[str]]:
        payload = bit_names(self.width)
        return [*payload, "delimiter", "repeats"], [*payload, "end"]
