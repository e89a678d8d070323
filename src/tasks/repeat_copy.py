"""Repeat-copy: hear a sequence and a number, say the sequence that many times, then say that it is over.

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
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from src.common import checks
from src.tasks.base import Axis, Example, Task, cell_name
from src.tasks.streams import generator


class Batch(NamedTuple):
    """Sequences with an answer at some of their steps.

    F = width + 2 (payload, delimiter, repeat count) and O = width + 1 (payload, end marker).
    """

    x: Float[Tensor, "B T F"]
    y: Float[Tensor, "B T O"]
    mask: Float[Tensor, "B T"]
    lengths: Integer[Tensor, "B"]
    repeats: Integer[Tensor, "B"]


def normalise(repeats: Integer[Tensor, "B"], least: int, most: int) -> Float[Tensor, "B"]:
    """The repeat count with mean 0 and variance 1 over the training range least..most.

    >>> normalise(torch.tensor([1, 10, 20]), 1, 10)
    tensor([-1.5667,  1.5667,  5.0483])
    >>> normalise(torch.tensor([7]), 7, 7)
    tensor([0.])
    """
    choices = most - least + 1
    # The variance of a uniform integer; a single value has none, and is divided by 1.
    deviation = ((choices**2 - 1) / 12) ** 0.5 or 1.0
    return (repeats - (least + most) / 2) / deviation


def build(
    payload: Float[Tensor, "B L width"],
    lengths: Integer[Tensor, "B"],
    repeats: Integer[Tensor, "B"],
    repeat_range: tuple[int, int],
) -> Batch:
    """Lay out payloads as questions and answers; shorter ones are padded and masked.

    Args:
        payload: bits, of which the first `lengths` count.
        lengths: L of each sequence.
        repeats: R of each sequence.
        repeat_range: the repeats of training, which the repeat count is normalised by.

    >>> batch = build(torch.tensor([[[1.0], [0.0]]]), torch.tensor([2]), torch.tensor([2]), (1, 3))
    >>> batch.x[0].T  # payload, delimiter, repeat count
    tensor([[1., 0., 0., 0., 0., 0., 0., 0., 0.],
            [0., 0., 1., 0., 0., 0., 0., 0., 0.],
            [0., 0., 0., 0., 0., 0., 0., 0., 0.]])
    >>> batch.y[0].T  # payload, end marker
    tensor([[0., 0., 0., 0., 1., 0., 1., 0., 0.],
            [0., 0., 0., 0., 0., 0., 0., 0., 1.]])
    >>> batch.mask[0]
    tensor([0., 0., 0., 0., 1., 1., 1., 1., 1.])
    """
    if len(set(lengths.tolist())) == len(set(repeats.tolist())) == 1:
        return _alike(payload[:, : int(lengths[0])], lengths, repeats, repeat_range)
    payload = payload[:, : int(lengths.max())]
    batch, _, width = payload.shape
    answers = lengths * repeats
    starts = lengths + 2
    steps = int((starts + answers).max()) + 1
    rows, t = torch.arange(batch), torch.arange(steps)

    x = torch.zeros(batch, steps, width + 2)
    heard = t[: payload.shape[1]] < lengths[:, None]
    x[:, : payload.shape[1], :width] = payload * heard[..., None]
    x[rows, lengths, width] = 1.0
    x[rows, lengths + 1, width + 1] = normalise(repeats, *repeat_range)

    since = t - starts[:, None]  # steps since the answer began
    said = (since >= 0) & (since < answers[:, None])
    y = torch.zeros(batch, steps, width + 1)
    y[..., :width] = payload[rows[:, None], since.remainder(lengths[:, None])] * said[..., None]
    y[rows, starts + answers, width] = 1.0
    mask = (since >= 0) & (since <= answers[:, None])
    return Batch(x, y, mask.float(), lengths, repeats)


def _alike(
    payload: Float[Tensor, "B L width"],
    lengths: Integer[Tensor, "B"],
    repeats: Integer[Tensor, "B"],
    repeat_range: tuple[int, int],
) -> Batch:
    """As `build`, where all sequences have one length and one number of repeats: slices will do."""
    batch, length, width = payload.shape
    start, end = length + 2, length + 2 + length * int(repeats[0])
    x = torch.zeros(batch, end + 1, width + 2)
    x[:, :length, :width] = payload
    x[:, length, width] = 1.0
    x[:, length + 1, width + 1] = normalise(repeats[:1], *repeat_range)
    y = torch.zeros(batch, end + 1, width + 1)
    y[:, start:end, :width] = payload.repeat(1, int(repeats[0]), 1)
    y[:, end, width] = 1.0
    mask = torch.zeros(batch, end + 1)
    mask[:, start:] = 1.0
    return Batch(x, y, mask, lengths, repeats)


def sample(
    source: torch.Generator,
    batch_size: int,
    lengths: tuple[int, int],
    repeats: tuple[int, int],
    repeat_range: tuple[int, int],
    width: int,
    ragged: bool,
) -> Batch:
    """Random sequences, lengths and repeats each uniform on their range, both ends included.

    Args:
        ragged: every sequence its own length and repeats; else one of each for the whole batch.
    """
    drawn = batch_size if ragged else 1
    length, repeat = (
        torch.randint(least, most + 1, (drawn,), generator=source).expand(batch_size)
        for least, most in (lengths, repeats)
    )
    payload = torch.randint(0, 2, (batch_size, int(length.max()), width), generator=source).float()
    return build(payload, length, repeat, repeat_range)


#: Streams of random numbers; training streams also carry the run's seed.
TRAINING, VALIDATION, TEST, FIGURE, PROBE = range(5)
#: Sequences of a fixed set that go through a network together.
EVALUATION_BATCH = 64
#: Sequences that watch one test cell while training.
PROBE_SIZE = 16


class RepeatCopy(Task):
    """Repeat-copy as a LightningDataModule: fresh training batches, fixed validation and test sets.

    The tests are `in_distribution` and one a cell, named "10x20" for length 10 and 20 repeats.

    Args:
        min_length, max_length: of a payload, in training; both may be the same.
        min_repeats, max_repeats: in training; both may be the same.
        width: bits of a payload word.
        batch_size: sequences in a training batch.
        ragged: every sequence its own length and repeats, padded and masked; else one of each a batch,
            which trains faster for there is no padding.
        test_cells: [length, repeats] pairs to test on beyond training.
        validation_size, test_size: sequences of the in-distribution sets.
        cell_size: sequences of a test cell.
        seed: of the training stream.
    """

    objective = "bits"
    steps = None
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
        self.test_cells = self.check_cells("test_cells", [] if test_cells is None else test_cells)
        self.validation_size = checks.integer("validation_size", validation_size)
        self.test_size = checks.integer("test_size", test_size)
        self.cell_size = checks.integer("cell_size", cell_size)
        self.seed = checks.integer("seed", seed, least=0)
        self.input_size, self.output_size = width + 2, width + 1

    def training_batch(self, n: int) -> Batch:
        source = generator(TRAINING, self.seed, n)
        return sample(source, self.batch_size, self.lengths, self.repeats, self.repeats, self.width, self.ragged)

    def prepare(self) -> None:
        self.validation = self.fixed(self.validation_size, self.lengths, self.repeats, VALIDATION)
        self.tests = {"in_distribution": self.fixed(self.test_size, self.lengths, self.repeats, TEST)}
        self.tests |= {cell_name(cell): self.cell(*cell) for cell in self.test_cells}

    @classmethod
    def check_cells(cls, key: str, cells: Any) -> list[tuple[int, ...]]:
        """[length, repeats] pairs; raises a Refusal that names the one at fault."""
        if not isinstance(cells, list | tuple):
            raise checks.refuse(key, cells, "a list of [length, repeats] pairs, such as [[10,20],[20,10]]")
        pairs: list[tuple[int, ...]] = []
        for i, cell in enumerate(cells):
            pair = checks.integers(f"{key}[{i}]", cell)
            if len(pair) != 2:
                raise checks.refuse(f"{key}[{i}]", cell, "a [length, repeats] pair, such as [10,20]")
            pairs.append(tuple(pair))
        return pairs

    def cell(self, length: int, repeats: int) -> list[Batch]:
        """The test sequences of one length and one number of repeats."""
        return self.fixed(self.cell_size, (length, length), (repeats, repeats), TEST)

    def probes(self) -> dict[str, Sequence[Batch]]:
        """A few sequences of each test cell, from a stream of their own."""
        return {
            cell_name((length, repeats)): self.fixed(PROBE_SIZE, (length, length), (repeats, repeats), PROBE)
            for length, repeats in self.test_cells
        }

    def fixed(self, size: int, lengths: tuple[int, int], repeats: tuple[int, int], stream: int) -> list[Batch]:
        """A fixed set: lengths and repeats drawn for every sequence, those alike batched together."""
        source = generator(stream, *lengths, *repeats, self.width)
        shapes = [torch.randint(least, most + 1, (size,), generator=source) for least, most in (lengths, repeats)]
        order = (shapes[0] * shapes[1] + shapes[0]).argsort(stable=True)  # by T: little padding
        payload = torch.randint(0, 2, (size, lengths[1], self.width), generator=source).float()
        chunks = (part[order].split(EVALUATION_BATCH) for part in (payload, *shapes))
        return [
            build(words[:, : int(length.max())], length, repeat, self.repeats)
            for words, length, repeat in zip(*chunks, strict=True)
        ]

    def examples(self) -> list[Example]:
        """The longest of training, then one of each test cell."""
        cells: list[tuple[int, ...]] = [(self.lengths[1], self.repeats[1]), *self.test_cells]
        return [self.example(*cell) for cell in dict.fromkeys(cells)]

    def example(self, length: int, repeats: int) -> Example:
        """One sequence of a length and a number of repeats, for figures; no test set holds it."""
        source = generator(FIGURE, length, repeats, self.width)
        span = (length, length), (repeats, repeats)
        batch = sample(source, 1, *span, self.repeats, self.width, ragged=False)
        return Example(
            name=cell_name((length, repeats)),
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
        payload = [str(i + 1) for i in range(self.width)]
        return [*payload, "delimiter", "repeats"], [*payload, "end"]

    def needed_slots(self, batch: Batch) -> int:
        """One slot a word, and one each for the delimiter and the repeat count."""
        return int(batch.lengths.max()) + 2
