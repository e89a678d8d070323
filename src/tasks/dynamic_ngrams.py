"""Dynamic n-grams: predict the next bit of a sequence whose n-gram probabilities are drawn anew for each sequence.

Graves, Wayne and Danihelka, arXiv:1410.5401, section 4.4. For context 2 and length 6, T = length - 1:

    step         0    1    2    3    4
    input        b0   b1   b2   b3   b4
    target       .    b2   b3   b4   b5
    mask         0    1    1    1    1

The first bits, as many as the context, are fair coins. The probability that a later bit is 1 depends on the bits
just before it, its context; a table of the sequence has it for each context. The entries are from Beta(1/2, 1/2).
With context 5, as in the paper, these are 6-grams. The first target is the bit after the first whole context.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..common import checks
from .axes import Axis
from .batches import SequenceBatch
from .generated import Generated

#: Largest context: a batch takes memory in proportion to the number of contexts.
MOST_CONTEXT = 8


class DynamicNGrams(Generated):
    """Dynamic n-grams as a LightningDataModule.

    >>> batch = DynamicNGrams(context=2).draw(torch.Generator().manual_seed(0), 1, 7)
    >>> batch.x[0].T
    tensor([[1., 1., 0., 0., 1., 1.]])
    >>> batch.y[0].T
    tensor([[0., 0., 0., 1., 1., 0.]])
    >>> batch.mask[0]
    tensor([0., 1., 1., 1., 1., 1.])

    Args:
        min_length, max_length: bits of a sequence in training; both may be the same.
        context: bits that the probability of the next one depends on.
        batch_size, test_cells, validation_size, test_size, cell_size, seed: see `Generated`.
    """

    objective = "predicted_bits"
    axes = (Axis("length", "lengths", named=True),)
    input_size = output_size = 1

    def __init__(
        self,
        min_length: int = 200,
        max_length: int = 200,
        context: int = 5,
        batch_size: int = 16,
        test_cells: list[Any] | None = None,
        validation_size: int = 256,
        test_size: int = 1024,
        cell_size: int = 128,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, test_cells, validation_size, test_size, cell_size, seed)
        self.lengths = checks.span("length", min_length, max_length)
        self.context = checks.integer("context", context, most=MOST_CONTEXT)
        self.contexts = 2**context
        self.check_length("min_length", min_length)
        for i, (length,) in enumerate(self.test_cells):
            self.check_length(f"test_cells[{i}]", length)

    def check_length(self, key: str, length: int) -> None:
        """Refuse a length without a bit to predict."""
        if length <= self.context:
            raise checks.refuse(key, length, f"above context={self.context}")

    def draw(self, source: torch.Generator, size: int, length: int) -> SequenceBatch:
        self.check_length("length", length)
        # The inverse of the distribution function of Beta(1/2, 1/2), the arcsine distribution.
        table = torch.sin(math.pi / 2 * torch.rand(size, self.contexts, generator=source)) ** 2
        first = torch.randint(0, 2, (size, self.context), generator=source)
        chances = torch.rand(length - self.context, size, 1, generator=source)
        # The context after each step for each context before it, so that a step of the loop is one look-up.
        following = (2 * torch.arange(self.contexts) + (chances < table)) % self.contexts
        visited = [self.numbered(first)]
        for step in following:
            visited.append(step.gather(1, visited[-1]))
        bits = torch.cat([first, *(one % 2 for one in visited[1:])], 1).float().unsqueeze(2)
        mask = torch.zeros(size, length - 1)
        mask[:, self.context - 1 :] = 1.0
        return SequenceBatch(bits[:, :-1], bits[:, 1:] * mask.unsqueeze(2), mask)

    def numbered(self, bits: Tensor) -> Tensor:
        """Numbers of the contexts that end at each bit but the first ones; the newest bit is the lowest.

        >>> DynamicNGrams(context=2).numbered(torch.tensor([[1, 0, 0, 1]]))
        tensor([[2, 0, 1]])
        """
        return bits.unfold(1, self.context, 1) @ 2 ** torch.arange(self.context - 1, -1, -1)

    def steps_of(self, length: int) -> int:
        """length - 1: the last bit is no input."""
        return length - 1

    def needed_slots(self, batch: Any) -> int:
        """A slot for the counts of each context."""
        return self.contexts

    def baselines(self, batches: Sequence[SequenceBatch]) -> Mapping[str, Mapping[str, float]]:
        """Chance: every bit with probability 1/2. Optimum: the exact Bayesian predictor."""
        nats = torch.cat([self.optimal_nats(batch) for batch in batches])
        asked = sum(float(batch.mask.sum()) for batch in batches)
        optimum = {"bits": float(nats.mean()) / math.log(2), "loss": float(nats.sum()) / asked}
        return {**super().baselines(batches), "optimum": optimum}

    def optimal_nats(self, batch: SequenceBatch) -> Float[Tensor, "B"]:
        """Cross-entropy of each sequence in nats under the best predictor without the table.

        It predicts 1 with probability (N1 + 1/2) / (N0 + N1 + 1), for N0 zeros and N1 ones so far in the same
        context (equation 10 of the paper). The product over a context with n0 zeros and n1 ones in all is
        Gamma(n0 + 1/2) Gamma(n1 + 1/2) / (pi Gamma(n0 + n1 + 1)), whatever their order.
        """
        targets = batch.y[:, self.context - 1 :, 0].long()
        index = 2 * self.numbered(batch.x[..., 0].long()) + targets
        counts = torch.zeros(len(index), 2 * self.contexts, dtype=torch.double)
        counts.scatter_add_(1, index, torch.ones_like(index, dtype=torch.double))
        counts = counts.unflatten(1, (self.contexts, 2))
        evidence = torch.lgamma(counts + 0.5).sum(2) - torch.lgamma(counts.sum(2) + 1) - math.log(math.pi)
        return -evidence.sum(1)

    def channels(self) -> tuple[list[str], list[str]]:
        return ["bit"], ["next bit"]
