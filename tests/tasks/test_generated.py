"""Generated tasks: what holds for all of them, and the base class on a task of two axes."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from omegaconf import OmegaConf

from src.common import checks
from src.common.checks import Refusal
from src.common.paths import CONF
from src.tasks.base import Axis
from src.tasks.batches import SequenceBatch
from src.tasks.generated import EVALUATION_BATCH, GROUP, PROBE_SIZE, Generated
from src.tasks.streams import generator
from tests.helpers import compose_train

#: All tasks in conf/task that are generated, by name.
FILES = {path.stem: OmegaConf.load(path) for path in sorted((Path(CONF) / "task").glob("*.yaml"))}
CLASSES = {name: get_object(file["_target_"]) for name, file in FILES.items() if "_target_" in file}
TASKS = [name for name, cls in CLASSES.items() if issubclass(cls, Generated)]
each_task = pytest.mark.parametrize("name", TASKS)
SIZES = {"validation_size": 20, "test_size": 70, "cell_size": 66}


def made(name, **options):
    """A task with the settings of its file."""
    node = {key: value for key, value in compose_train(f"task={name}")["task"].items() if key != "recipe"}
    del node["name"], node["_target_"]
    if "test_max" in node:
        node["test_max"] = 45  # few of the unseen lengths
    return CLASSES[name](**{**node, **options})


def same(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_tasks_are_found():
    assert {"copy", "reverse", "mqar", "priority_sort", "dynamic_ngrams", "odds_first"} <= set(TASKS)


@each_task
def test_a_training_batch_is_a_function_of_seed_and_number(name):
    first, second, other = (made(name, seed=seed) for seed in (3, 3, 4))
    before = torch.get_rng_state()
    late = first.training_batch(5)
    for n in range(5):
        second.training_batch(n)
    assert same(late, second.training_batch(5))
    assert len(late.x) == first.batch_size
    batches = [task.training_batch(n) for task in (first, other) for n in range(10)]
    assert len({tuple(batch.x.flatten().tolist()) for batch in batches}) > 15  # short ones may be equal by chance
    assert torch.equal(torch.get_rng_state(), before)


@each_task
def test_sequences_have_the_announced_form(name):
    task = made(name)
    inputs, outputs = task.channels()
    assert (len(inputs), len(outputs)) == (task.input_size, task.output_size)
    assert all(0 <= index < task.input_size for index in task.numbers)
    cells = [tuple(end) for end in zip(*task.trained, strict=True)] + task.test_cells
    for cell in cells:
        batch = task.draw(task.source(9), 5, *cell)
        x, y, mask = batch[:3]
        assert x.shape == (5, task.steps_of(*cell), task.input_size)
        assert mask.shape == x.shape[:2]
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        assert mask.any(1).all()
        assert not y[mask == 0].any()
        if task.objective == "symbols":
            assert y.shape == mask.shape
            assert int(y.max()) < task.output_size
        else:
            assert y.shape == (*mask.shape, task.output_size)
            assert set(y.unique().tolist()) <= {0.0, 1.0}
        bits = [i for i in range(task.input_size) if i not in task.numbers]
        assert set(x[..., bits].unique().tolist()) <= {0.0, 1.0}
        assert task.needed_slots(batch) >= 1


@each_task
def test_fixed_sets_are_the_same_for_every_seed_and_have_their_sizes(name):
    cells = made(name).test_cells[:1]
    ours, theirs = (made(name, **SIZES, test_cells=[list(cells[0])], seed=seed) for seed in (0, 1))
    ours.setup()
    theirs.setup()
    assert next(iter(ours.tests)) == "in_distribution"
    assert list(ours.tests)[-1] == ours.name_of(cells[0])
    for set_name, batches in {"validation": ours.validation, **ours.tests}.items():
        others = theirs.validation if set_name == "validation" else theirs.tests[set_name]
        assert all(same(a, b) for a, b in zip(batches, others, strict=True))
    sizes = [[len(batch.x) for batch in batches] for batches in (ours.validation, *ours.tests.values())]
    assert (sum(sizes[0]), sum(sizes[1]), sizes[-1]) == (20, 70, [64, 2])


@each_task
def test_examples_are_one_like_training_and_one_of_each_test_cell(name):
    task = made(name)
    examples = task.examples()
    assert [one.name for one in examples][1:] == list(task.probes()) == [task.name_of(c) for c in task.test_cells]
    for example in examples:
        start = example.marks["answer"]
        assert example.mask[0, start] == 1
        assert not example.mask[0, :start].any()
        assert 1 <= task.needed_slots(example) <= example.x.shape[1]
    assert all(same(a[2:5], b[2:5]) for a, b in zip(examples, made(name, seed=9).examples(), strict=True))


class Pairs(Generated):
    """A task of two axes: numbers of which some are due at the end."""

    objective = "symbols"
    axes = (Axis("length", "lengths"), Axis("hops", "hops"))
    input_size, output_size, numbers = 1, 5, (0,)

    def __init__(self, lengths=(2, 5), hops=(1, 3), test_cells=None, seed=0):
        super().__init__(batch_size=4, test_cells=test_cells, seed=seed, **SIZES)
        self.lengths, self.hops = lengths, hops

    def draw(self, source, size, length, hops):
        x = torch.randint(5, (size, length, 1), generator=source)
        t = torch.arange(length + hops)
        mask = (t >= length).float().expand(size, -1)
        y = x[:, (t - length) % length, 0] * mask.long()
        return SequenceBatch(torch.nn.functional.pad(x, (0, 0, 0, hops)).float(), y, mask)

    def steps_of(self, length, hops):
        return length + hops

    @classmethod
    def check_cell(cls, key, cell):
        if cell[1] > cell[0]:
            raise checks.refuse(key, list(cell), "no more hops than length")

    def further_tests(self):
        return {"long": self.batches(self.source(7), 3, (50, 2))}


class Others(Pairs):
    """The same under another name."""


def shapes(batches):
    return {(int((batch.mask[0] == 0).sum()), int(batch.mask[0].sum())) for batch in batches}


def test_sizes_are_uniform_in_their_ranges():
    task = Pairs()
    drawn = [task.training_batch(n) for n in range(600)]
    assert all(len(batch.x) == 4 for batch in drawn)
    every = {(length, hops) for length in (2, 3, 4, 5) for hops in (1, 2, 3)}
    assert shapes(drawn) == every
    counts = [sum(shapes([batch]) == {cell} for batch in drawn) for cell in every]
    assert min(counts) > 25
    assert max(counts) < 80  # 50 on average


def test_fixed_sets_are_groups_with_a_cell_each_batched_by_cell():
    task = Pairs()
    task.validation_size = 1000
    task.setup()
    sizes = [len(batch.x) for batch in task.validation]
    assert sum(sizes) == 1000
    assert all(size % GROUP == 0 and size <= EVALUATION_BATCH for size in sizes)
    assert len(shapes(task.validation)) == 12
    cells = [next(iter(shapes([batch]))) for batch in task.validation]
    assert all(a <= b for a, b in pairwise(cells))


def test_test_sets_are_like_training_further_ones_and_cells():
    task = Pairs(test_cells=[[8, 4], [6, 2]])
    task.setup()
    assert list(task.tests)[:2] == ["in_distribution", "long"]
    assert [shapes(task.tests[name]) for name in list(task.tests)[1:]] == [{(50, 2)}, {(8, 4)}, {(6, 2)}]
    assert [len(batch.x) for batch in task.tests["long"]] == [3]
    probes = task.probes()
    assert [(shapes(batches), len(batches[0].x)) for batches in probes.values()] == [
        ({(8, 4)}, PROBE_SIZE),
        ({(6, 2)}, PROBE_SIZE),
    ]
    assert [one.title for one in task.examples()] == ["Length 5, hops 3", "Length 8, hops 4", "Length 6, hops 2"]


def test_streams_are_independent():
    """With one cell of 30 numbers, equal sequences are practically impossible unless a stream is shared."""
    one = {"lengths": (30, 30), "hops": (2, 2), "test_cells": [[30, 2]]}
    found = []
    for task in (Pairs(**one), Others(**one)):
        task.setup()
        training = [task.training_batch(n) for n in range(5)] + [type(task)(**one, seed=1).training_batch(6)]
        sets = [training, task.validation, *task.tests.values(), *task.probes().values()]
        found += [tuple(x.flatten().tolist()) for part in sets for batch in part for x in batch.x]
        found.append(tuple(task.example(30, 2).x.flatten().tolist()))
    assert len(set(found)) == len(found)


def test_the_input_length_is_the_steps_before_the_first_answer_of_each_sequence():
    task = made("reverse", **SIZES)
    task.setup()
    for batch in task.validation:
        expected = [row.index(1.0) for row in batch.mask.tolist()]
        assert task.input_length(batch).tolist() == expected
    assert task.input_length(task.examples()[0]).tolist() == [21]


@each_task
def test_tasks_whose_input_comes_before_the_answer(name):
    """Two tasks ask while they are still told what to remember, or at steps that differ by sequence."""
    assert made(name, **SIZES).has_input_length == (name not in ("mqar", "dynamic_ngrams"))


def test_needed_slots_are_the_steps_before_the_first_answer():
    task = Pairs()
    batch = task.draw(generator(1), 3, 4, 2)
    assert task.needed_slots(batch) == 4
    early = batch._replace(mask=torch.ones_like(batch.mask))
    assert task.needed_slots(early) == 1
    mixed = batch._replace(mask=torch.tensor([[0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1.0]]))
    assert task.needed_slots(mixed) == 5


@pytest.mark.parametrize(
    ("cls", "cells", "checked"),
    [
        ("copy", [20, 50], [(20,), (50,)]),
        ("copy", [[20], 50], [(20,), (50,)]),
        ("copy", [], []),
        (Pairs, [[8, 4]], [(8, 4)]),
        (Pairs, ((8, 4),), [(8, 4)]),
    ],
)
def test_test_cells_are_lists_or_with_one_axis_plain_integers(cls, cells, checked):
    assert CLASSES.get(cls, cls).check_cells("test_cells", cells) == checked


COUNT = "an integer of at least 1"


@pytest.mark.parametrize(
    ("cls", "cells", "text"),
    [
        ("copy", 20, "test_cells=20: must be a list of length values"),
        ("copy", "20", "test_cells='20': must be a list of length values"),
        ("copy", [20, 0], f"test_cells[1]=0: must be {COUNT}"),
        ("copy", ["a"], f"test_cells[0]='a': must be {COUNT}"),
        ("copy", [True], f"test_cells[0]=True: must be {COUNT}"),
        ("copy", [[2.5]], f"test_cells[0][0]=2.5: must be {COUNT}"),
        ("copy", [[20, 50]], "test_cells[0]=[20, 50]: must be one value for each of [length]"),
        (Pairs, {}, "test_cells={}: must be a list of [length, hops] values"),
        (Pairs, [8, 4], "test_cells[0]=8: must be a list of integers of at least 1"),
        (Pairs, [[8, 4], [8]], "test_cells[1]=[8]: must be one value for each of [length, hops]"),
        (Pairs, [[4, 8]], "test_cells[0]=[4, 8]: must be no more hops than length"),
    ],
)
def test_refusals_of_cells(cls, cells, text):
    with pytest.raises(Refusal) as refusal:
        CLASSES.get(cls, cls).check_cells("test_cells", cells)
    assert str(refusal.value) == text


@each_task
@pytest.mark.parametrize(
    ("options", "text"),
    [
        *(
            ({key: value}, f"{key}={value!r}: must be {COUNT}")
            for key in ("batch_size", "validation_size", "test_size", "cell_size")
            for value in (0, 2.5, "abc")
        ),
        ({"seed": -1}, "seed=-1: must be an integer of at least 0"),
        ({"test_cells": "x"}, "test_cells='x': must be a list of "),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals_of_every_task(name, options, text):
    with pytest.raises(Refusal) as refusal:
        made(name, **options)
    assert str(refusal.value).startswith(text)
