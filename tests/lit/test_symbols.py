"""Metrics, loss and figure of answers in symbols: against a slow loop; what is not asked does not count."""

import math

import pytest
import torch

from src.lit.symbols import Symbols
from src.tasks.base import Example
from src.tasks.batches import SequenceBatch, shard
from src.tasks.streams import generator

CLASSES = 4


def naive(sequences):
    """All metrics, symbol by symbol; `sequences` holds (logits[T][O], y[T], mask[T])."""
    nats = wrong = symbols = exact = accuracy = 0
    for logits, y, mask in sequences:
        errors = asked = 0
        for z, target, counts in zip(logits, y, mask, strict=True):
            if counts:
                nats += math.log(sum(math.exp(one) for one in z)) - z[target]
                errors += max(range(CLASSES), key=lambda k: z[k]) != target
                asked += 1
        wrong, symbols, exact = wrong + errors, symbols + asked, exact + (errors == 0)
        accuracy += 1 - errors / asked
    size = len(sequences)
    return {
        "bits": nats / math.log(2) / size,
        "error_symbols": wrong / size,
        "symbol_error": wrong / symbols,
        "accuracy": accuracy / size,
        "exact": exact / size,
        "loss": nats / symbols,
    }


def made(source, size, steps, asked):
    """A batch with answers at a random place of each sequence, and outputs that are mostly right there alone."""
    y = torch.randint(CLASSES, (size, steps), generator=source)
    starts = torch.randint(steps - asked + 1, (size, 1), generator=source)
    t = torch.arange(steps)
    mask = ((t >= starts) & (t < starts + asked)).float()
    logits = torch.randn(size, steps, CLASSES, generator=source)
    logits += torch.nn.functional.one_hot(y, CLASSES) * torch.where(mask > 0, 2.0, -9.0).unsqueeze(2)
    return logits, SequenceBatch(torch.zeros(size, steps, 2), y, mask)


def listed(logits, batch):
    return list(zip(logits.tolist(), batch.y.tolist(), batch.mask.int().tolist(), strict=True))


@pytest.fixture
def batches():
    """Batches of different sizes and lengths: a mean over symbols is no mean over sequences."""
    source = generator(3)
    return [made(source, *sizes) for sizes in ((5, 7, 3), (1, 4, 4), (7, 12, 1))]


def measured(pairs):
    counts = Symbols().counts(None)
    for logits, batch in pairs:
        counts.update(logits, batch)
    return counts.compute()


def test_metrics_are_those_of_all_sequences(batches):
    expected = naive([one for logits, batch in batches for one in listed(logits, batch)])
    assert all(0 < expected[name] < 1 for name in ("symbol_error", "accuracy", "exact"))
    assert abs(1 - expected["symbol_error"] - expected["accuracy"]) > 0.01
    assert measured(batches) == pytest.approx(expected, rel=1e-5)
    assert measured(reversed(batches)) == pytest.approx(expected, rel=1e-5)
    assert tuple(expected) == Symbols().names


def test_loss_and_metrics_of_a_training_batch(batches):
    for logits, batch in batches:
        expected = naive(listed(logits, batch))
        loss, metrics = Symbols().loss(logits, batch)
        assert loss.item() == pytest.approx(expected["loss"], rel=1e-5)
        shown = {name: float(value) for name, value in metrics.items()}
        assert shown == pytest.approx({name: expected[name] for name in ("error_symbols", "accuracy")}, rel=1e-5)
        assert Symbols().loss(logits, batch, wanted=False)[1] == {}


def test_gradient_is_that_of_the_mean_over_asked_symbols(batches):
    """d loss / d logit = (softmax(logits) - target) / symbols where an answer is due, and exactly 0 elsewhere."""
    logits, batch = batches[0]
    logits.requires_grad_()
    Symbols().loss(logits, batch)[0].backward()
    target, mask = torch.nn.functional.one_hot(batch.y, CLASSES), batch.mask.unsqueeze(2)
    torch.testing.assert_close(logits.grad, (logits.detach().softmax(2) - target) * mask / mask.sum())


@pytest.mark.parametrize("parts", [2, 3])
def test_losses_and_metrics_of_shards_add_up(parts, batches):
    logits, batch = batches[0]
    loss, metrics = Symbols().loss(logits, batch)
    shares = zip(logits.tensor_split(parts), (shard(batch, part, parts) for part in range(parts)), strict=True)
    losses, seen = zip(*(Symbols().loss(output, one, True, batch) for output, one in shares), strict=True)
    torch.testing.assert_close(sum(losses), loss)
    for name, value in metrics.items():
        torch.testing.assert_close(sum(one[name] for one in seen), value)


def test_limits():
    y, mask = torch.tensor([[0, 3, 1]]), torch.tensor([[0.0, 1.0, 1.0]])
    batch = SequenceBatch(torch.zeros(1, 3, 1), y, mask)
    right = measured([(60.0 * torch.nn.functional.one_hot(y, CLASSES), batch)])
    assert right == pytest.approx(dict.fromkeys(right, 0.0) | {"accuracy": 1.0, "exact": 1.0}, abs=1e-12)
    # At chance a symbol of four costs two bits.
    blank = measured([(torch.zeros(1, 3, CLASSES), batch)])
    assert (blank["bits"], blank["loss"]) == pytest.approx((4.0, math.log(4)))


@pytest.mark.drawn
def test_the_answer_and_its_figure_hold_one_hot_targets_and_probabilities():
    y, mask = torch.tensor([[2, 3, 1]]), torch.tensor([[0.0, 1.0, 1.0]])
    example = Example("one", "One", torch.zeros(1, 3, 1), y, mask, {"answer": 1})
    logits = torch.tensor([[[9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 9.0], [9.0, 0.0, 0.0, 0.0]]])
    answer = Symbols().answer(example, logits)
    assert (answer.verdict, answer.correct, answer.wrong.tolist()) == ("1 of 2 symbols wrong", False, [0, 0, 1])
    assert answer.target.tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert answer.y.sum(1).tolist() == pytest.approx([1.0, 1.0, 1.0])
    above, below, *_ = Symbols().draw([answer], "jet").axes
    assert above.images[0].get_array().T.tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert below.images[0].get_array().T[0, 3] > 0.99
    assert not above.lines
