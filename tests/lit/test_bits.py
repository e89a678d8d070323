"""Metrics and loss of answers in bits: against a slow loop; batching and padding change nothing."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from src.lit.bits import BitCounts, Bits, BitsWithoutEnd, PredictedBits
from src.lit.learner import Learner
from src.tasks.base import Example
from src.tasks.batches import shard
from src.tasks.repeat_copy import RepeatCopy
from src.tasks.repeat_copy_sampler import build, sample
from src.tasks.streams import generator

WIDTH = 3


def naive(sequences, end=True):
    """All metrics, number by number; `sequences` holds (logits[T][O], y[T][O], mask[T])."""
    nats = payload_wrong = payload_all = end_wrong = end_all = end_exact = exact = elements = 0
    for logits, y, mask in sequences:
        wrong_payload = wrong_end = 0
        for z_t, y_t, counts in zip(logits, y, mask, strict=True):
            if not counts:
                continue
            for channel, (z, target) in enumerate(zip(z_t, y_t, strict=True)):
                p = 1 / (1 + math.exp(-z))
                nats -= math.log(p if target == 1 else 1 - p)
                elements += 1
                wrong = (p > 0.5) != (target == 1)
                if end and channel == len(y_t) - 1:
                    end_all += 1
                    wrong_end += wrong
                else:
                    payload_all += 1
                    wrong_payload += wrong
        payload_wrong += wrong_payload
        end_wrong += wrong_end
        end_exact += wrong_end == 0
        exact += wrong_payload == 0
    size = len(sequences)
    return {
        "bits": nats / math.log(2) / size,
        "error_bits": (payload_wrong + end_wrong) / size,
        "payload_error": payload_wrong / payload_all,
        "end_error": end_wrong / end_all if end else 0.0,
        "end_exact": end_exact / size,
        "exact": exact / size,
        "loss": nats / elements,
    }


def answers(source, batch):
    """Logits that are mostly right, so that every metric differs from 0 and from 1."""
    sure = 1 + 2 * torch.rand(batch.y.shape, generator=source)
    flip = 1 - 2 * (torch.rand(batch.y.shape, generator=source) < 0.06).float()
    spoiled = (2 * batch.y - 1) * sure * flip
    # Outputs before an answer is due must not count, however wrong.
    return torch.where(batch.mask.unsqueeze(2) > 0, spoiled, 9 * (1 - 2 * batch.y))


def listed(logits, batch):
    return list(zip(logits.tolist(), batch.y.tolist(), batch.mask.tolist(), strict=True))


@pytest.fixture
def batches():
    """Ragged batches of different sizes and lengths."""
    source = generator(5)
    shapes = [(4, (1, 5), (1, 3)), (1, (2, 2), (4, 4)), (7, (1, 3), (1, 2))]
    made = [sample(source, size, lengths, repeats, (1, 4), WIDTH, True) for size, lengths, repeats in shapes]
    return [(answers(source, batch), batch) for batch in made]


def measured(pairs, objective=None):
    metrics = (objective or Bits()).counts(None)
    for logits, batch in pairs:
        metrics.update(logits, batch)
    return metrics.compute()


def test_metrics_of_one_batch(batches):
    logits, batch = batches[0]
    expected = naive(listed(logits, batch))
    assert 0 < expected["exact"] < 1
    assert measured(batches[:1]) == pytest.approx(expected, rel=1e-5)


def test_metrics_of_ragged_batches_are_those_of_all_sequences(batches):
    expected = naive([one for logits, batch in batches for one in listed(logits, batch)])
    assert all(0 < expected[name] < 1 for name in ("payload_error", "end_error", "end_exact", "exact"))
    assert measured(batches) == pytest.approx(expected, rel=1e-5)
    assert measured(reversed(batches)) == pytest.approx(expected, rel=1e-5)


def test_calling_the_metric_counts_as_updating_it(batches):
    """`forward` of torchmetrics returns the value of a batch, and adds the batch."""
    metrics = BitCounts()
    for logits, batch in batches:
        of_batch = metrics(logits, batch)
        assert of_batch == pytest.approx(naive(listed(logits, batch)), rel=1e-5)
    assert metrics.compute() == pytest.approx(measured(batches))


def test_reset(batches):
    metrics = BitCounts()
    metrics.update(*batches[0])
    metrics.reset()
    metrics.update(*batches[1])
    assert metrics.compute() == measured(batches[1:2])


def test_limits():
    batch = build(torch.tensor([[[1.0, 0.0]]]), torch.tensor([1]), torch.tensor([2]), (1, 2))
    right = measured([(40 * (2 * batch.y - 1), batch)])
    assert right == pytest.approx(dict.fromkeys(right, 0.0) | {"end_exact": 1.0, "exact": 1.0}, abs=1e-12)
    # At chance every element costs a bit; an end marker that is never output is wrong once.
    blank = measured([(torch.full_like(batch.y, -1e-9), batch)])
    assert blank["bits"] == pytest.approx(9.0)
    assert blank["loss"] == pytest.approx(math.log(2))
    assert (blank["error_bits"], blank["end_error"], blank["end_exact"]) == (3.0, pytest.approx(1 / 3), 0.0)
    # An additional end marker one step early: one wrong bit, and end_exact is 0.
    early = 40 * (2 * batch.y - 1)
    early[0, -2, -1] = 40.0
    assert (measured([(early, batch)])["end_exact"], measured([(early, batch)])["error_bits"]) == (0.0, 1.0)


class Table(nn.Module):
    """Outputs its parameters, independently of the input."""

    memory_slots = None

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x, state=None):
        return self.logits[:, : x.shape[1]], None


def learner(network):
    return Learner(network, SimpleNamespace(), Bits(), None, None)


def test_loss_and_metrics_of_a_training_batch(batches):
    logits, batch = batches[0]
    loss, metrics = learner(Table(logits)).loss_and_metrics(batch)
    expected = naive(listed(logits, batch))
    assert loss.item() == pytest.approx(expected["loss"], rel=1e-5)
    shown = {name: float(value) for name, value in metrics.items()}
    names = ("error_bits", "payload_error", "end_error")
    assert shown == pytest.approx({name: expected[name] for name in names}, rel=1e-5)


def test_gradient_is_that_of_the_mean_over_unmasked_elements(batches):
    """d loss / d logit = (sigmoid(logit) - y) / elements where an answer is due, and exactly 0 elsewhere."""
    logits, batch = batches[0]
    network = Table(logits)
    learner(network).loss_and_metrics(batch)[0].backward()
    mask = batch.mask.unsqueeze(2)
    elements = mask.sum() * (WIDTH + 1)
    torch.testing.assert_close(network.logits.grad, (logits.sigmoid() - batch.y) * mask / elements)


def test_padding_changes_neither_loss_nor_gradient_nor_metrics(batches):
    logits, batch = batches[0]
    pad = (0, 0, 0, 11)
    longer = batch._replace(
        x=nn.functional.pad(batch.x, pad),
        y=nn.functional.pad(batch.y, pad),
        mask=nn.functional.pad(batch.mask, (0, 11)),
    )
    networks = Table(logits), Table(nn.functional.pad(logits, pad, value=7.0))
    losses = [learner(n).loss_and_metrics(b)[0] for n, b in zip(networks, (batch, longer), strict=True)]
    torch.testing.assert_close(losses[0], losses[1])
    for loss in losses:
        loss.backward()
    steps = batch.x.shape[1]
    torch.testing.assert_close(networks[0].logits.grad, networks[1].logits.grad[:, :steps])
    assert (networks[1].logits.grad[:, steps:] == 0).all()
    assert measured([(networks[1].logits.detach(), longer)]) == pytest.approx(measured(batches[:1]))


def test_measure_counts_the_batches_of_a_set_afresh(batches):
    """The same twice, because counts are reset; without a memory there are no slots."""
    task = RepeatCopy(max_length=3, max_repeats=2, width=WIDTH, validation_size=70)
    task.setup()
    logits = torch.randn(64, 30, WIDTH + 1, generator=generator(1))

    class Rows(Table):
        def forward(self, x, state=None):
            return self.logits[: len(x), : x.shape[1]], None

    one = learner(Rows(logits))
    assert one.measure(task.validation) == one.measure(task.validation)
    sequences = [s for b in task.validation for s in listed(logits[: len(b.x), : b.x.shape[1]], b)]
    assert len(sequences) == 70
    assert one.measure(task.validation) == pytest.approx(naive(sequences), rel=1e-5)


WITHOUT_END = [
    (BitsWithoutEnd(), ["bits", "error_bits", "payload_error", "exact", "loss"], ["error_bits", "payload_error"]),
    (PredictedBits(), ["bits", "error_bits", "loss"], ["bits", "error_bits"]),
]


def test_without_an_end_marker_no_metric_of_it_is_counted(batches):
    counted = BitCounts(None, end=False)
    counted.update(*batches[0])
    assert tuple(counted.compute()) == BitsWithoutEnd().names


@pytest.mark.parametrize(("objective", "names", "in_training"), WITHOUT_END)
def test_without_an_end_marker_all_outputs_are_payload(objective, names, in_training, batches):
    for logits, _ in batches:
        logits[..., -1] *= -1  # the last output is mostly wrong, which would show if it did not count
    expected = naive([one for logits, batch in batches for one in listed(logits, batch)], end=False)
    with_end = naive([one for logits, batch in batches for one in listed(logits, batch)])
    assert expected["payload_error"] > 2 * with_end["payload_error"]
    found = measured(batches, objective)
    assert found == pytest.approx({name: expected[name] for name in names}, rel=1e-5)
    assert tuple(found) == objective.names
    logits, batch = batches[0]
    loss, metrics = objective.loss(logits, batch)
    of_batch = naive(listed(logits, batch), end=False)
    assert loss.item() == pytest.approx(of_batch["loss"], rel=1e-5)
    shown = {name: float(value) for name, value in metrics.items()}
    assert shown == pytest.approx({name: of_batch[name] for name in in_training}, rel=1e-5)
    assert objective.loss(logits, batch, wanted=False)[1] == {}


@pytest.mark.parametrize("objective", [Bits(), BitsWithoutEnd(), PredictedBits()], ids=lambda one: one.name)
@pytest.mark.parametrize("parts", [2, 3])
def test_losses_and_metrics_of_shards_add_up(objective, parts, batches):
    logits, batch = batches[2]
    loss, metrics = objective.loss(logits, batch)
    shares = zip(logits.tensor_split(parts), (shard(batch, part, parts) for part in range(parts)), strict=True)
    losses, seen = zip(*(objective.loss(output, one, True, batch) for output, one in shares), strict=True)
    torch.testing.assert_close(sum(losses), loss)
    for name, value in metrics.items():
        torch.testing.assert_close(sum(one[name] for one in seen), value)


def one_example(y, mask):
    """An example with a target [T, O]."""
    x = torch.zeros(1, len(y), 1)
    return Example("one", "One", x, torch.tensor([y]), torch.tensor([mask]), {"answer": 1})


def test_the_verdict_on_bits_counts_wrong_ones_and_that_on_predictions_gives_their_probability():
    example = one_example([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]], [0.0, 1.0, 1.0])
    logits = torch.tensor([[[-9.0, -9.0], [1.0, 1.0], [-1.0, -1.0]]])
    answer = BitsWithoutEnd().answer(example, logits)
    assert (answer.verdict, answer.wrong.tolist(), answer.correct) == ("1 of 4 bits wrong", [0, 1, 0], False)
    predicted = PredictedBits().answer(example, torch.zeros(1, 3, 2))
    assert (predicted.verdict, predicted.wrong, predicted.correct) == (
        "4.0 bits to tell 4 random bits",
        None,
        None,
    )
    assert predicted.y.tolist() == [[0.5, 0.5]] * 3


@pytest.mark.drawn
@pytest.mark.parametrize(
    ("objective", "label"), [(Bits(), "end"), (BitsWithoutEnd(), "2"), (PredictedBits(), "2")]
)
def test_only_an_end_marker_is_set_apart_in_the_figure(objective, label):
    example = one_example([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], [0.0, 1.0, 1.0])
    figure = objective.draw([objective.answer(example, torch.zeros(1, 3, 2))], "jet")
    above = next(ax for ax in figure.axes if ax.get_ylabel() == "Targets")
    assert [tick.get_text() for tick in above.get_yticklabels()] == ["1", label]
    assert len(above.lines) == (label == "end")
    assert above.images[0].get_array().tolist() == [[1.0, 0.0], [1.0, 1.0]]  # the steps of the answer alone
