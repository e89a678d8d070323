"""Metrics of random guessing: those of the objectives for outputs of the same probability."""

import pytest
import torch

from src.lit.objectives import OBJECTIVES
from src.tasks.associative_recall import AssociativeRecall
from src.tasks.copy import Copy
from src.tasks.duplicate_string import DuplicateString
from src.tasks.dynamic_ngrams import DynamicNGrams
from src.tasks.guessing import guessed
from src.tasks.missing_duplicate import MissingDuplicate
from src.tasks.mqar import MQAR
from src.tasks.pointer_chasing import PointerChasing
from src.tasks.priority_sort import PrioritySort
from src.tasks.repeat_copy import RepeatCopy
from src.tasks.strided_copy import StridedCopy

SMALL = {"validation_size": 20, "test_size": 20, "cell_size": 20}
TASKS = [
    DuplicateString(max_length=3, test_max=50, vocabulary=3, **SMALL),
    MissingDuplicate(**SMALL),
    MQAR(min_length=48, vocabulary=64, **SMALL),
    PrioritySort(width=2, max_length=4, **SMALL),
    Copy(width=1, max_length=4, **SMALL),
    StridedCopy(width=1, max_length=4, **SMALL),
    AssociativeRecall(width=1, **SMALL),
    PointerChasing(width=1, reach=5, max_length=6, max_hops=2, **SMALL),
    DynamicNGrams(min_length=20, max_length=30, **SMALL),
]
named = pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)


@named
def test_chance_is_what_equal_outputs_reach(task):
    """Cross-entropies exactly, and shares of right answers over random choices of the answer."""
    batches = task.batches(task.source(9), 2000, tuple(most for _, most in task.trained))
    chance = task.baselines(batches)["chance"]
    objective = OBJECTIVES[task.objective]
    assert set(chance) == set(objective.names)
    even, random = objective.counts(task), objective.counts(task)
    torch.manual_seed(0)
    for batch in batches:
        shape = (*batch.mask.shape, task.output_size)
        even.update(torch.zeros(shape), batch)
        random.update(torch.randn(shape), batch)
    exact = even.compute()
    assert chance["bits"] == pytest.approx(exact["bits"])
    assert chance["loss"] == pytest.approx(exact["loss"])
    shares = random.compute()
    for name in set(chance) - {"bits", "loss"}:
        assert chance[name] == pytest.approx(shares[name], rel=0.08, abs=0.02)


@named
def test_chance_of_a_set_of_several_lengths_counts_each_sequence_once(task):
    batches = task.mixed(40, 3)
    parts = [(len(batch.x), task.baselines([batch])["chance"]) for batch in batches]
    whole = task.baselines(batches)["chance"]
    for name in ("bits", "exact"):
        if name in whole:
            assert whole[name] == pytest.approx(sum(n * one[name] for n, one in parts) / 40, abs=1e-6)


def test_chance_of_bits_with_an_end_marker():
    task = RepeatCopy(width=2, cell_size=4000)
    batches = task.cell(1, 2)
    chance, counts = task.baselines(batches)["chance"], OBJECTIVES["bits"].counts(None)
    torch.manual_seed(0)
    for batch in batches:
        counts.update(torch.randn(batch.y.shape), batch)
    random = counts.compute()
    assert set(chance) == set(random)
    assert (chance["bits"], chance["error_bits"], chance["exact"], chance["end_exact"]) == (
        9.0,
        4.5,
        1 / 64,
        1 / 8,
    )
    for name in set(chance) - {"bits", "loss"}:
        assert chance[name] == pytest.approx(random[name], rel=0.08, abs=0.01)


def test_an_objective_of_another_kind_has_no_chance():
    assert guessed("classes", [], 3) == {}
