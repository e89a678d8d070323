"""Repeat-copy sequences: random draws, laid out as the table in `src.tasks.repeat_copy` shows."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from .words import random_words


class RepeatCopyBatch(NamedTuple):
    """Sequences with a target at the steps where the mask is 1.

    F = width + 2 (payload, delimiter, repeat count) and O = width + 1 (payload, end marker).
    """

    x: Float[Tensor, "B T F"]
    y: Float[Tensor, "B T O"]
    mask: Float[Tensor, "B T"]
    lengths: Integer[Tensor, "B"]
    repeats: Integer[Tensor, "B"]
    end_weight: Float[Tensor, "B"]  # of the end marker in the loss of training


def normalise(repeats: Integer[Tensor, "B"], least: int, most: int) -> Float[Tensor, "B"]:
    """The repeat count with mean 0 and variance 1 over the training range least..most.

    >>> normalise(torch.tensor([1, 10, 20]), 1, 10)
    tensor([-1.5667,  1.5667,  5.0483])
    >>> normalise(torch.tensor([7]), 7, 7)
    tensor([0.])
    """
    choices = most - least + 1
    # The variance of a uniform integer; that of a single value is 0, and the divisor is then 1.
    deviation = ((choices**2 - 1) / 12) ** 0.5 or 1.0
    return (repeats - (least + most) / 2) / deviation


def build(
    payload: Float[Tensor, "B L width"],
    lengths: Integer[Tensor, "B"],
    repeats: Integer[Tensor, "B"],
    repeat_range: tuple[int, int],
) -> RepeatCopyBatch:
    """Lay out payloads as inputs and targets; shorter sequences are padded and masked.

    Args:
        payload: bits; those beyond `lengths` are ignored.
        lengths: L of each sequence.
        repeats: R of each sequence.
        repeat_range: least and most repeats of training, for `normalise`.

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
        return _build_uniform(payload[:, : int(lengths[0])], lengths, repeats, repeat_range)
    payload = payload[:, : int(lengths.max())]
    batch, _, width = payload.shape
    answers = lengths * repeats
    starts = lengths + 2
    steps = int((starts + answers).max()) + 1
    rows, t = torch.arange(batch), torch.arange(steps)

    x = torch.zeros(batch, steps, width + 2)
    is_input = t[: payload.shape[1]] < lengths[:, None]
    x[:, : payload.shape[1], :width] = payload * is_input[..., None]
    x[rows, lengths, width] = 1.0
    x[rows, lengths + 1, width + 1] = normalise(repeats, *repeat_range)

    elapsed = t - starts[:, None]  # steps since the start of the answer
    is_answer = (elapsed >= 0) & (elapsed < answers[:, None])
    y = torch.zeros(batch, steps, width + 1)
    y[..., :width] = payload[rows[:, None], elapsed.remainder(lengths[:, None])] * is_answer[..., None]
    y[rows, starts + answers, width] = 1.0
    mask = (elapsed >= 0) & (elapsed <= answers[:, None])
    return RepeatCopyBatch(x, y, mask.float(), lengths, repeats, torch.ones(batch))


def _build_uniform(
    payload: Float[Tensor, "B L width"],
    lengths: Integer[Tensor, "B"],
    repeats: Integer[Tensor, "B"],
    repeat_range: tuple[int, int],
) -> RepeatCopyBatch:
    """As `build`, for sequences of one length and one number of repeats, where slices suffice."""
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
    return RepeatCopyBatch(x, y, mask, lengths, repeats, torch.ones(batch))


def sample(
    source: torch.Generator,
    batch_size: int,
    lengths: tuple[int, int],
    repeats: tuple[int, int],
    repeat_range: tuple[int, int],
    width: int,
    ragged: bool,
) -> RepeatCopyBatch:
    """Random sequences; lengths and repeats are uniform on their ranges, both ends included.

    Args:
        ragged: every sequence has its own length and repeats; otherwise the batch shares them.
    """
    drawn = batch_size if ragged else 1
    length, repeat = (
        torch.randint(least, most + 1, (drawn,), generator=source).expand(batch_size)
        for least, most in (lengths, repeats)
    )
    payload = random_words(source, batch_size, int(length.max()), width)
    return build(payload, length, repeat, repeat_range)
