"""The repeat-copy data module: random streams, fixed sets, test cells, loaders, refusals."""

from types import SimpleNamespace

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.repeat_copy import RepeatCopy
from src.tasks.repeat_copy_sampler import build

SIZES = {"validation_size": 70, "test_size": 130, "cell_size": 65}
CELLS = [[10, 20], [3, 2], [20, 10]]


def ready(**options):
    task = RepeatCopy(**{"width": 3, "test_cells": CELLS, **SIZES, **options})
    task.setup()
    return task


def same(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def payloads(batches):
    """The inputs of all sequences, without padding, as hashable values."""
    found = []
    for batch in batches:
        for x, length in zip(batch.x, batch.lengths, strict=True):
            found.append(tuple(x[: int(length) + 2].flatten().tolist()))
    return found


@pytest.mark.parametrize("ragged", [True, False])
def test_a_training_batch_is_a_function_of_seed_and_number(ragged):
    fixed = {"min_length": 8, "max_length": 8, "min_repeats": 1, "max_repeats": 1}
    tasks = [RepeatCopy(ragged=ragged, seed=seed, **fixed) for seed in (0, 0, 1)]
    torch.manual_seed(1)
    late = tasks[0].training_batch(7)
    torch.manual_seed(2)
    for n in range(7):
        tasks[1].training_batch(n)
    assert same(late, tasks[1].training_batch(7))
    # One shape, so that only the bits can differ: between batch numbers, and between seeds.
    batches = [task.training_batch(n).x for task in tasks[1:] for n in range(10)]
    assert torch.stack(batches).unique(dim=0).shape[0] == 20


@pytest.mark.parametrize("ragged", [True, False])
def test_training_stays_within_its_ranges(ragged):
    ranges = {"min_length": 2, "max_length": 4, "min_repeats": 3, "max_repeats": 5}
    task = RepeatCopy(width=2, batch_size=6, ragged=ragged, **ranges)
    batches = [task.training_batch(n) for n in range(60)]
    assert {int(n) for batch in batches for n in batch.lengths} == {2, 3, 4}
    assert {int(r) for batch in batches for r in batch.repeats} == {3, 4, 5}
    assert all(len(batch.x) == 6 for batch in batches)


@pytest.mark.parametrize(("length", "repeats"), [(1, 1), (1, 4), (3, 2), (5, 3)])
def test_uniform_batches_are_laid_out_as_mixed_ones(length, repeats):
    """`build` has a separate implementation for batches of one shape."""
    payload = torch.randint(0, 2, (3, 6, 2), generator=torch.Generator().manual_seed(0)).float()
    lengths, counts = torch.tensor([length] * 2 + [6]), torch.tensor([repeats] * 2 + [4])
    mixed = build(payload, lengths, counts, (1, 4))
    uniform = build(payload[:2], lengths[:2], counts[:2], (1, 4))
    steps = uniform.x.shape[1]
    assert steps == length + 2 + length * repeats + 1
    for got, expected in zip(uniform[:3], mixed[:3], strict=True):
        torch.testing.assert_close(got, expected[:2, :steps], rtol=0, atol=0)
        assert not expected[:2, steps:].any()


def test_fixed_sets_are_the_same_for_every_seed_of_a_run():
    ours, theirs = ready(seed=0), ready(seed=1, batch_size=5)
    assert list(ours.tests) == list(theirs.tests) == ["in_distribution", "10x20", "3x2", "20x10"]
    for name, batches in {"validation": ours.validation, **ours.tests}.items():
        others = theirs.validation if name == "validation" else theirs.tests[name]
        assert all(same(a, b) for a, b in zip(batches, others, strict=True))
    before = ours.validation
    ours.setup()
    assert ours.validation is before


def test_sizes():
    task = ready()
    sets = {"validation": task.validation, **task.tests}
    sizes = {name: sum(len(batch.x) for batch in batches) for name, batches in sets.items()}
    assert sizes == {"validation": 70, "in_distribution": 130, "10x20": 65, "3x2": 65, "20x10": 65}
    assert (task.input_size, task.output_size, task.steps) == (5, 4, None)


def test_training_validation_and_tests_differ():
    """With length 12 and width 8 two equal payloads by chance are practically impossible."""
    one = {"min_length": 12, "max_length": 12, "min_repeats": 2, "max_repeats": 2, "width": 8}
    task = ready(**one, validation_size=130, batch_size=64)  # equal sizes: a shared stream would show
    training = payloads(task.training_batch(n) for n in range(10))
    sets = [training, payloads(task.validation), payloads(task.tests["in_distribution"])]
    found = [words for part in sets for words in part]
    assert len(set(found)) == len(found) == 640 + 130 + 130


def test_test_cells_have_exactly_their_length_and_repeats():
    task = ready()
    for name, batches in list(task.tests.items())[1:]:
        length, repeats = (int(n) for n in name.split("x"))
        for batch in batches:
            assert set(batch.lengths.tolist()) == {length}
            assert set(batch.repeats.tolist()) == {repeats}
            assert batch.x.shape[1] == length + 2 + length * repeats + 1
            assert (batch.mask.sum(1) == length * repeats + 1).all()
        assert len(set(payloads(batches))) > 50


def test_probes_have_the_shape_of_the_test_cells_and_share_no_sequence_with_a_test_set():
    cells = [[10, 20], [20, 10], [40, 5]]
    task, other = ready(width=8, test_cells=cells), ready(width=8, test_cells=cells, seed=9)
    probes = task.probes()
    assert list(probes) == ["10x20", "20x10", "40x5"]
    for (length, repeats), (name, batches) in zip(cells, probes.items(), strict=True):
        (batch,) = batches
        assert set(batch.lengths.tolist()) == {length}
        assert set(batch.repeats.tolist()) == {repeats}
        assert torch.equal(batch.x[:, length + 1, -1], task.tests[name][0].x[:16, length + 1, -1])
        probed, tested = set(payloads(batches)), set(payloads(task.tests[name]))
        assert len(probed) == len(batch.x) == 16
        assert not probed & tested
        # Nor with the sequence of the figures; and they are the same for every seed.
        assert tuple(task.example(length, repeats).x[0, : length + 2].flatten().tolist()) not in probed
        assert same(batch, other.probes()[name][0])
    assert ready(test_cells=[]).probes() == {}


def test_test_cells_are_normalised_by_the_training_range():
    """1..10 has mean 5.5 and standard deviation 2.872, so that 20 becomes 5.05."""
    cell = ready().tests["10x20"][0]
    assert cell.x[:, 11, 4].tolist() == pytest.approx([5.0483] * 64, abs=1e-4)
    single = ready(min_repeats=7, max_repeats=7).tests["10x20"][0]
    assert (single.x[:, 11, 4] == 13.0).all()


def test_the_count_alone_is_a_number():
    """Bits and flags are 0 or 1; every other input is one of `numbers`."""
    task = ready()
    (count,) = task.numbers
    x = torch.cat([batch.x.flatten(0, 1) for batch in task.tests["in_distribution"]])
    others = [i for i in range(task.input_size) if i != count]
    assert task.channels()[0][count] == "repeats"
    assert set(x[:, others].unique().tolist()) == {0.0, 1.0}
    assert not set(x[:, count].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("ragged", [True, False])
def test_noise_on_the_count_and_the_weight_of_the_end_are_in_training_alone(ragged):
    options = {"ragged": ragged, "batch_size": 50, "width": 3, "test_cells": CELLS, **SIZES}
    plain, noisy = RepeatCopy(**options), RepeatCopy(count_noise=0.25, end_weight=3.0, **options)
    noise = []
    for n in range(40):
        before, after = plain.training_batch(n), noisy.training_batch(n)
        assert (before.end_weight == 1).all()
        assert (after.end_weight == 3).all()
        difference = after.x - before.x
        noise += difference[torch.arange(50), before.lengths + 1, -1].tolist()
        difference[torch.arange(50), before.lengths + 1, -1] = 0.0
        assert not difference.any()
        assert same(before[1:5], after[1:5])
    noise = torch.tensor(noise)
    assert float(noise.std()) == pytest.approx(0.25, rel=0.1)
    assert float(noise.mean()) == pytest.approx(0, abs=0.02)
    assert len(noise.unique()) > 1900  # each sequence has its own
    for task in (plain, noisy):
        task.setup()
    for name, batches in plain.tests.items():
        assert all(same(a, b) for a, b in zip(batches, noisy.tests[name], strict=True))
    assert all(same(a, b) for a, b in zip(plain.validation, noisy.validation, strict=True))
    assert all(same(a, b) for a, b in zip(plain.probes()["10x20"], noisy.probes()["10x20"], strict=True))


def test_validation_has_every_length_and_repeat_and_is_padded():
    task = ready(max_length=4, max_repeats=3, validation_size=300)
    assert {int(n) for b in task.validation for n in b.lengths} == {1, 2, 3, 4}
    assert {int(r) for b in task.validation for r in b.repeats} == {1, 2, 3}
    padded = 0
    for batch in task.validation:
        answers = batch.lengths * batch.repeats
        ends = batch.lengths + 2 + answers
        assert batch.x.shape[1] == int(ends.max()) + 1
        for x, y, mask, length, end in zip(batch.x, batch.y, batch.mask, batch.lengths, ends, strict=True):
            start, stop = int(length) + 2, int(end) + 1
            assert mask.tolist() == [0.0] * start + [1.0] * (stop - start) + [0.0] * (len(mask) - stop)
            assert (x[start:] == 0).all()
            assert (y[stop:] == 0).all()
            assert y[:, -1].tolist() == [float(t == end) for t in range(len(y))]
            padded += len(mask) - stop
    assert padded > 0


@pytest.mark.parametrize(
    ("period", "done", "numbers"), [(4, 0, [0, 1, 2, 3]), (4, 3, [3]), (4, 4, [4, 5, 6, 7]), (1, 6, [6])]
)
def test_a_training_loader_ends_at_the_next_validation(period, done, numbers):
    task = ready(batch_size=5)
    task.plan(period)
    progress = SimpleNamespace(total=SimpleNamespace(ready=done))
    task.trainer = SimpleNamespace(fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress)))
    loader = task.train_dataloader()
    assert len(loader) == len(numbers)
    assert all(same(a, task.training_batch(n)) for a, n in zip(loader, numbers, strict=True))


def test_loaders_return_whole_batches_and_leave_the_global_generator_unchanged():
    task = ready(batch_size=5)
    task.plan(3, overfit=2)
    before = torch.get_rng_state()
    assert all(same(a, task.training_batch(n)) for a, n in zip(task.train_dataloader(), (0, 1, 0), strict=True))
    assert all(same(a, b) for a, b in zip(task.val_dataloader(), task.validation, strict=True))
    for tests, batches in zip(task.test_dataloader(), task.tests.values(), strict=True):
        assert all(same(a, b) for a, b in zip(tests, batches, strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_examples_and_needed_slots():
    options = {"max_length": 4, "max_repeats": 3, "test_cells": [[10, 20], [4, 3]]}
    task = ready(**options)
    examples = task.examples()
    assert [example.name for example in examples] == ["4x3", "10x20"]
    assert [example.title for example in examples] == ["Length 4, Repeat 3", "Length 10, Repeat 20"]
    assert [task.needed_slots(example) for example in examples] == [6, 12]
    for example, (length, repeats) in zip(examples, ((4, 3), (10, 20)), strict=True):
        assert example.marks == {"answer": length + 2}
        assert example.mask[0].tolist() == [0.0] * (length + 2) + [1.0] * (length * repeats + 1)
        assert torch.equal(example.y[0, length + 2 : 2 * length + 2, :3], example.x[0, :length, :3])
    assert torch.equal(examples[1].x, ready(seed=9, **options).examples()[1].x)
    assert [task.needed_slots(batch) for batch in task.validation] == [
        max(batch.lengths.tolist()) + 2 for batch in task.validation
    ]


COUNT = "an integer of at least 1"
PAIRS = "a list of [length, repeats] values"
PAIR = "one value for each of [length, repeats]"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"min_length": 11}, "min_length=11: must be at most max_length=10"),
        ({"min_repeats": 3, "max_repeats": 2}, "min_repeats=3: must be at most max_repeats=2"),
        *(
            ({key: value}, f"{key}={value!r}: must be {COUNT}")
            for key in ("min_length", "max_repeats", "width", "batch_size", "validation_size", "cell_size")
            for value in (0, 2.5, "abc")
        ),
        ({"seed": -1}, "seed=-1: must be an integer of at least 0"),
        ({"ragged": "yes"}, "ragged='yes': must be true or false"),
        ({"count_noise": -0.1}, "count_noise=-0.1: must be a finite number of at least 0"),
        ({"end_weight": 0}, "end_weight=0: must be a finite number above 0"),
        *(({"test_cells": cells}, f"test_cells={cells!r}: must be {PAIRS}") for cells in ("x", "", 0, False)),
        ({"test_cells": [[10]]}, f"test_cells[0]=[10]: must be {PAIR}"),
        ({"test_cells": [[1, 2], [1, 2, 3]]}, f"test_cells[1]=[1, 2, 3]: must be {PAIR}"),
        ({"test_cells": [[0, 1]]}, f"test_cells[0][0]=0: must be {COUNT}"),
        ({"test_cells": [[1, "b"]]}, f"test_cells[0][1]='b': must be {COUNT}"),
        ({"test_cells": [10, 20]}, "test_cells[0]=10: must be a list of integers of at least 1"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(options, text):
    with pytest.raises(Refusal) as refusal:
        RepeatCopy(**options)
    assert str(refusal.value) == text
