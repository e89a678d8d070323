"""Objective of tasks whose answers are symbols: one of O classes at every step where an answer is due."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot
from torchmetrics import Metric as Counter

from ..tasks.base import Example, Task
from .metrics import ACCURACY, BITS, EXACT, LOSS
from .objective import Answer, Metric, Objective


def nats_of(logits: Float[Tensor, "B T O"], batch: Any) -> Float[Tensor, "B T"]:
    """Cross-entropy at each step in nats, 0 where no answer is due."""
    return cross_entropy(logits.transpose(1, 2), batch.y, reduction="none") * batch.mask


def wrong_of(logits: Float[Tensor, "B T O"], batch: Any) -> Float[Tensor, "B T"]:
    """1 at each step with a wrong answer; the symbol with the largest output is the answer."""
    return (logits.argmax(2) != batch.y) * batch.mask


class SymbolCounts(Counter):
    """Accumulator of the metrics of answers in symbols.

    A batch has y[B, T], the class indices, and mask[B, T], which is 1 where an answer is due.

    `compute` gives
        bits            cross-entropy in bits a sequence
        error_symbols   wrong symbols a sequence
        symbol_error    share of wrong symbols, of all symbols
        accuracy        share of right symbols, averaged over sequences, so that all count the same at any length
        exact           share of sequences with every symbol right
        loss            mean cross-entropy in nats over all symbols
    """

    full_state_update = False
    nats: Tensor
    wrong: Tensor
    right_shares: Tensor
    exact: Tensor
    symbols: Tensor
    sequences: Tensor
    names = ("nats", "wrong", "right_shares", "exact", "symbols", "sequences")

    def __init__(self) -> None:
        super().__init__(sync_on_compute=False)  # each process measures the whole set
        for name in self.names:
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Float[Tensor, "B T O"], batch: Any) -> None:
        """Add a batch; only the steps where the mask is 1 count."""
        wrong, asked = wrong_of(logits, batch).sum(1), batch.mask.sum(1)
        self.nats += nats_of(logits, batch).sum()
        self.wrong += wrong.sum()
        self.right_shares += (1 - wrong.double() / asked).sum()
        self.exact += (wrong == 0).sum()
        self.symbols += asked.sum()
        self.sequences += len(batch.y)

    def compute(self) -> dict[str, float]:
        """The metrics by name."""
        nats, wrong, right_shares, exact, symbols, sequences = (float(getattr(self, name)) for name in self.names)
        return {
            "bits": nats / math.log(2) / sequences,
            "error_symbols": wrong / sequences,
            "symbol_error": wrong / symbols,
            "accuracy": right_shares / sequences,
            "exact": exact / sequences,
            "loss": nats / symbols,
        }


class Symbols(Objective):
    """Mean cross-entropy over the steps of a batch where an answer is due."""

    name = "symbols"
    metrics = (
        BITS,
        Metric("error_symbols", more=False, worst=math.inf, about="wrong symbols a sequence"),
        Metric("symbol_error", more=False, worst=1.0, about="share of wrong symbols"),
        ACCURACY,
        EXACT,
        LOSS,
    )
    monitor, headline = "bits", "accuracy"
    reach = ("accuracy", "exact")
    mapped = ("accuracy", "exact", "error_symbols")
    solved_by = "error_symbols"
    picture = "target_output"

    def loss(
        self, output: Tensor, batch: Any, wanted: bool = True, whole: Any = None
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        whole = batch if whole is None else whole
        loss = nats_of(output, batch).sum() / whole.mask.sum()
        if not wanted:
            return loss, {}
        with torch.no_grad():
            wrong = wrong_of(output, batch).sum(1)
            right_shares = (1 - wrong / batch.mask.sum(1)).sum()
        return loss, {
            "error_symbols": wrong.sum() / len(whole.x),
            "accuracy": right_shares / len(whole.x),
        }

    def counts(self, task: Task) -> SymbolCounts:
        return SymbolCounts()

    def answer(self, example: Example, output: Tensor) -> Answer:
        asked, wrong = example.mask[0].numpy() > 0, wrong_of(output, example)[0].numpy().astype(int)
        target = one_hot(example.y[0], output.shape[2]) * example.mask[0].unsqueeze(1)
        return Answer(
            title=example.title,
            x=example.x[0].numpy(),
            y=output[0].softmax(1).numpy(),
            target=target.numpy(),
            asked=asked,
            wrong=wrong,
            right=None,
            verdict=f"{wrong.sum():,} of {asked.sum():,} symbols wrong",
            correct=not wrong.any(),
            most_wrong=1,
        )
