"""Walks against a naive construction; tasks whose answers follow one: distances, the held-out set, refusals."""

from collections import Counter
from itertools import combinations, pairwise

import pytest
import torch

from src.common.checks import Refusal
from src.tasks.paths import Moves, chain, walk
from src.tasks.pointer_chasing import PointerChasing
from src.tasks.seek import Seek
from src.tasks.streams import generator

WALKS = pytest.mark.parametrize(
    ("length", "hops", "distances"),
    [
        (2, 5, [1]),
        (9, 12, [1, 2, 3]),
        (16, 8, [*range(1, 9)]),
        (16, 8, [3, 6]),
        (6, 4, [4, 20]),  # one distance is too long for any word
        (7, 6, [6]),  # to and fro between the ends
    ],
)
both = pytest.mark.parametrize("cls", [Seek, PointerChasing])
each_encoding = pytest.mark.parametrize("encoding", ["scalar", "one_hot"])


def within_reach(word, length, distances):
    return [word + sign * one for one in distances for sign in (1, -1) if 0 <= word + sign * one < length]


def check_hop(path, hop, length, distances):
    """A hop leads to a word within reach, and to one visited before only if there is no other."""
    possible, visited = within_reach(path[hop], length, distances), path[: hop + 1]
    assert path[hop + 1] in possible
    assert path[hop + 1] not in visited or set(possible) <= set(visited)


@WALKS
def test_a_walk_stays_inside_and_prefers_words_not_yet_visited(length, hops, distances):
    paths = walk(generator(length), 40, length, Moves(hops, distances))
    assert paths.shape == (40, hops + 1)
    assert not paths[:, 0].any()
    for path in paths.tolist():
        for hop in range(hops):
            check_hop(path, hop, length, distances)


def test_a_walk_chooses_among_the_words_not_yet_visited_with_equal_chances(rng):
    counts = Counter(map(tuple, walk(rng, 6000, 5, Moves(2, [1, 2, 3])).tolist()))
    ways = {1: [2, 3, 4], 2: [1, 3, 4], 3: [1, 2, 4]}
    expected = {(0, first, then): 1 / 9 for first, after in ways.items() for then in after}
    assert counts.keys() == expected.keys()
    for path, share in expected.items():
        assert counts[path] / 6000 == pytest.approx(share, abs=5 * (share * (1 - share) / 6000) ** 0.5)


def test_a_walk_without_new_words_chooses_among_visited_ones_with_equal_chances(rng):
    ends = [path[4] for path in walk(rng, 2000, 3, Moves(4, [1, 2])).tolist() if path[3] == 0]
    assert len(ends) > 700
    assert ends.count(1) / len(ends) == pytest.approx(0.5, abs=0.09)
    assert ends.count(1) + ends.count(2) == len(ends)


@WALKS
def test_a_chain_follows_one_pointer_of_each_word(length, hops, distances):
    paths, pointers = chain(generator(length), 40, length, Moves(hops, distances))
    assert (paths.shape, pointers.shape) == ((40, hops + 1), (40, length))
    for path, points_to in zip(paths.tolist(), pointers.tolist(), strict=True):
        until_return = [hop for hop in range(hops) if path[hop] not in path[:hop]]
        for hop in until_return:
            check_hop(path, hop, length, distances)
        assert path[0] == 0
        assert all(points_to[here] == there for here, there in pairwise(path))
        for word, there in enumerate(points_to):
            possible = within_reach(word, length, distances)
            assert there in possible if possible else there == word


def test_a_chain_that_returns_to_a_word_repeats_its_way():
    paths, _ = chain(generator(2), 200, 4, Moves(12, [1, 2]))
    assert len(paths.unique(dim=0)) > 4
    for path in paths.tolist():
        first = {}
        for i, word in enumerate(path):
            if word in first:
                period = i - first[word]
                assert path[first[word] : -period] == path[i:]
                break
            first[word] = i


def test_words_off_a_chain_point_to_random_words_within_reach(rng):
    """With one hop all words but the first are off the walk, or are its last."""
    _, pointers = chain(rng, 3000, 6, Moves(1, [1, 3]))
    for word in range(6):
        possible = within_reach(word, 6, [1, 3])
        counts = Counter(pointers[:, word].tolist())
        assert counts.keys() == set(possible)
        assert min(counts.values()) / 3000 > 1 / len(possible) - 0.05


def told(task, batch, length):
    """The signed distances in a batch, [B, T]; 0 where there is none."""
    given = batch.x[..., task.width + 1 :]
    if task.encoding == "scalar":
        return (given[..., 0] * task.scale).round().long()
    assert set(given.sum(-1).unique().tolist()) <= {0.0, 1.0}
    return (given * torch.tensor(task.signed)).sum(-1).long()


@both
@each_encoding
@pytest.mark.parametrize(("length", "hops"), [(5, 1), (9, 6), (32, 16)])
def test_the_distances_in_a_sequence_lead_to_its_answers(cls, encoding, length, hops):
    """The answers are found word by word from what a model hears, and nothing else."""
    task = cls(reach=4, encoding=encoding, width=7)
    batch = task.draw(generator(length), 12, length, hops, 4)
    assert batch.x.shape == (12, length + 1 + hops, task.input_size)
    assert len(batch.x.unique(dim=0)) == 12
    distances = told(task, batch, length)
    for x, y, mask, given in zip(*batch, distances.tolist(), strict=True):
        word, due = 0, [x[0, :7].tolist()]
        for hop in range(hops):
            distance = given[length + 1 + hop] if cls is Seek else given[word]
            assert 1 <= abs(distance) <= 4
            word += distance
            due.append(x[word, :7].tolist())
        assert y.tolist() == [[0.0] * 7] * length + due
        assert mask.tolist() == [0.0] * length + [1.0] * (hops + 1)
        assert x[:, 7].tolist() == [float(t == length) for t in range(length + 1 + hops)]
        assert not x[length:, :7].any()
        silent = given[: length + 1] if cls is Seek else given[length:]
        assert not any(silent)


@both
def test_inputs_are_named_and_only_a_scalar_is_a_number(cls):
    scalar, one_hot = (cls(reach=2, width=3, encoding=encoding) for encoding in ("scalar", "one_hot"))
    assert scalar.channels() == (["1", "2", "3", "go", "distance"], ["1", "2", "3"])
    assert one_hot.channels() == (["1", "2", "3", "go", "-2", "-1", "+1", "+2"], ["1", "2", "3"])
    assert (scalar.input_size, scalar.numbers, one_hot.input_size, one_hot.numbers) == (5, (4,), 8, ())


def test_distances_of_training_have_a_mean_square_of_1():
    task = Seek(reach=5, held_out=[2, 4])
    encoded = task.encode(torch.tensor([[1, -3, 5]]))
    assert encoded.square().mean().item() == pytest.approx(1.0)
    assert encoded.flatten().tolist() == pytest.approx([one * (3 / 35) ** 0.5 for one in (1, -3, 5)])
    assert task.encode(torch.tensor([[2]])).item() == pytest.approx(2 * (3 / 35) ** 0.5)


@both
@each_encoding
def test_held_out_distances_are_in_the_test_sets_of_that_name_alone(cls, encoding):
    cells = [[32, 16, 8], [6, 4, 5], [3, 2, 2], [9, 2, 2]]  # in [6, 4, 5] 3 has room, in the last two none has
    sizes = {"validation_size": 24, "test_size": 24, "cell_size": 70}
    options = {"held_out": [6, 3, 3], "encoding": encoding, "test_cells": cells, **sizes}
    task, other = cls(**options), cls(**options, seed=1)
    task.setup()
    other.setup()
    largest, first, second = "held_out", "held_out_length32_hops16_reach8", "held_out_length6_hops4_reach5"
    names = ["length32_hops16_reach8", "length6_hops4_reach5", "length3_hops2_reach2", "length9_hops2_reach2"]
    assert list(task.tests) == ["in_distribution", largest, first, second, *names]
    for name, steps in {largest: 16 + 1 + 8, first: 32 + 1 + 16, second: 6 + 1 + 4}.items():
        held_out = task.tests[name]
        assert [len(batch.x) for batch in held_out] == [64, 6]
        assert {tuple(batch.x.shape[1:]) for batch in held_out} == {(steps, task.input_size)}
        assert all(torch.equal(a.x, b.x) for a, b in zip(held_out, other.tests[name], strict=True))
    found = {name: distances_in(task, batches) for name, batches in task.tests.items()}
    assert [found.pop(name) for name in (largest, first, second)] == [{3, 6}, {3, 6}, {3}]
    training = [task.training_batch(n) for n in range(30)]
    probes = [batch for batches in task.probes().values() for batch in batches]
    examples = [task.draw(generator(1), 2, 16, 8, 8), task.example(16, 8, 8)]
    found |= {i: distances_in(task, part) for i, part in enumerate((training, task.validation, probes, examples))}
    assert all(one <= {1, 2, 4, 5, 7, 8} for one in found.values())
    assert found[0] == {1, 2, 4, 5, 7, 8}


@both
@each_encoding
def test_each_of_some_distances_has_a_test_set_for_the_last_move(cls, encoding):
    sizes = {"validation_size": 8, "test_size": 8, "cell_size": 70}
    tested = [3, 1, 7] if encoding == "one_hot" else [12, 3, 1, 3]
    task = cls(held_out=[3], distance_tests=tested, test_cells=[[32, 16, 8]], encoding=encoding, **sizes)
    task.setup()
    held_out = ["held_out", "held_out_length32_hops16_reach8"]
    own = {f"distance{one}": one for one in sorted(set(tested))}
    assert list(task.tests) == ["in_distribution", *held_out, *own, "length32_hops16_reach8"]
    for name, distance in own.items():
        batches = task.tests[name]
        assert [tuple(batch.x.shape) for batch in batches] == [(n, 25, task.input_size) for n in (64, 6)]
        for batch in batches:
            assert (task.needed_slots(batch), set(task.input_length(batch).tolist())) == (16, {16})
            assert not batch.mask[:, :-1].any()
            assert not batch.y[:, :-1].any()
            assert batch.mask[:, -1].all()
            check_last_moves(task, batch, distance)
    # Each set has a random stream of its own, and so other words.
    heard = [task.tests[name][0].x[:, :16, : task.width] for name in (*own, "held_out")]
    assert all(not torch.equal(one, other) for one, other in combinations(heard, 2))


def check_last_moves(task, batch, distance):
    """The words of each walk differ; its moves have distances of training, but the last the one of the test."""
    signs = set()
    for x, y, moves in zip(batch.x, batch.y, told(task, batch, 16), strict=True):
        path = [0]
        for step in range(17, 25):
            path.append(path[-1] + int(moves[path[-1] if isinstance(task, PointerChasing) else step]))
        assert len(set(path)) == len(path)
        assert set(path) <= set(range(16))
        ways = [there - here for here, there in pairwise(path)]
        assert {abs(one) for one in ways[:-1]} <= set(task.distances)
        assert abs(ways[-1]) == distance
        assert torch.equal(y[-1], x[path[-1], : task.width])
        signs.add(ways[-1])
    assert len(signs) == 2 or len(batch.x) < 64


@both
@pytest.mark.parametrize(
    ("reach", "held_out", "expected"),
    [(2, [], {1, 2}), (12, [], {*range(1, 13)}), (12, [3, 6], {*range(1, 13)} - {3, 6}), (4, [1, 3], {2, 4})],
)
def test_a_cell_has_the_distances_up_to_its_reach_that_are_not_held_out(cls, reach, held_out, expected):
    task = cls(held_out=held_out, test_cells=[[32, 20, reach]])
    for batches in (task.cell(32, 20, reach), *task.probes().values()):
        assert distances_in(task, batches) == expected


@both
def test_the_distances_of_training_are_its_range_of_the_reach(cls):
    assert cls().trained == ((4, 16), (1, 8), (1, 8))
    assert cls(reach=5, held_out=[1, 4]).trained[2] == (2, 5)
    task = cls(test_cells=[[16, 8, 12], [16, 8, 8], [16, 8, 3]])
    assert [one.name.split("_")[2] for one in task.examples()] == ["reach8", "reach12", "reach3"]


def distances_in(task, batches):
    return {abs(one) for batch in batches for one in told(task, batch, None).flatten().tolist() if one}


@both
def test_without_held_out_distances_there_is_no_such_test_set(cls):
    task = cls(validation_size=8, test_size=8)
    task.setup()
    assert list(task.tests) == ["in_distribution"]


@both
def test_lengths_and_hops_are_uniform_and_the_bits_fair(cls):
    task = cls(reach=4, min_length=3, max_length=5, min_hops=2, max_hops=3, batch_size=8)
    batches = [task.training_batch(n) for n in range(300)]
    cells = Counter((int(b.mask[0].argmax()), int(b.mask[0].sum()) - 1) for b in batches)
    assert cells.keys() == {(length, hops) for length in (3, 4, 5) for hops in (2, 3)}
    assert 25 < min(cells.values()) <= max(cells.values()) < 80  # 50 on average
    answers = torch.cat([batch.y[batch.mask > 0] for batch in batches])
    assert answers.mean().item() == pytest.approx(0.5, abs=0.015)  # so that guessing gets half of them wrong


@both
def test_a_cell_and_an_example_have_their_sizes(cls):
    task = cls(test_cells=[[32, 16, 8]], cell_size=3)
    (batch,) = task.cell(32, 16, 8)
    assert batch.x.shape == (3, task.steps_of(32, 16, 8), task.input_size) == (3, 49, 10)
    assert task.needed_slots(batch) == 32
    example = task.example(32, 16, 8)
    assert (example.title, example.name, example.marks) == (
        "Length 32, hops 16, reach 8",
        "length32_hops16_reach8",
        {"answer": 32},
    )


COUNT = "an integer of at least 1"


@both
@pytest.mark.parametrize(
    ("options", "text"),
    [
        *(
            ({key: value}, f"{key}={value!r}: must be {COUNT}")
            for key in ("reach", "max_length", "min_hops", "max_hops", "width")
            for value in (0, 2.5, "x")
        ),
        *(({"min_length": one}, f"min_length={one!r}: must be an integer of at least 2") for one in (1, "x")),
        ({"min_length": 17}, "min_length=17: must be at most max_length=16"),
        ({"min_hops": 9}, "min_hops=9: must be at most max_hops=8"),
        ({"encoding": "onehot"}, "encoding='onehot': must be one of scalar, one_hot; did you mean 'one_hot'?"),
        ({"held_out": 3}, "held_out=3: must be a list of distances, empty for none"),
        ({"held_out": None}, "held_out=None: must be a list of distances, empty for none"),
        ({"held_out": [3, -6]}, f"held_out[1]=-6: must be {COUNT}"),
        ({"held_out": [3, 9]}, "held_out[1]=9: must be at most reach=8"),
        ({"distance_tests": "3"}, "distance_tests='3': must be a list of distances, empty for none"),
        ({"distance_tests": [3, 0]}, f"distance_tests[1]=0: must be {COUNT}"),
        ({"distance_tests": [14, 16]}, "distance_tests[1]=16: must be at most max_length-1=15"),
        (
            {"distance_tests": [14, 15]},
            "distance_tests[1]=15: must be a distance that can be the last of max_hops=8 moves between "
            "max_length=16 words, none visited twice",
        ),
        ({"distance_tests": [9], "encoding": "one_hot"}, "distance_tests[0]=9: must be at most reach=8"),
        (
            {"reach": 2, "held_out": [1, 2]},
            "held_out=[1, 2]: must be such that training keeps one of the distances 1..2",
        ),
        (
            {"held_out": [1, 2, 3, 4]},
            "min_length=4: must be above the shortest distance of training, 5",
        ),
        ({"reach": 16}, "reach=16: must be below max_length=16"),
        ({"reach": 40, "min_length": 2, "max_length": 2}, "reach=40: must be below max_length=2"),
        ({"reach": 0, "test_cells": [[16, 8, 0]]}, f"reach=0: must be {COUNT}"),
        ({"reach": 40, "test_cells": [[16, 8, 40]]}, "reach=40: must be below max_length=16"),
        (
            {"test_cells": [[16, 8, 15], [16, 8, 16]]},
            "test_cells[1]=[16, 8, 16]: must be [length, hops, reach] with a reach below the length",
        ),
        (
            {"held_out": [1, 2], "test_cells": [[16, 8, 2]]},
            "test_cells[0][2]=2: must be at least the shortest distance of training, 3",
        ),
        (
            {"encoding": "one_hot", "test_cells": [[16, 8, 8], [16, 8, 9]]},
            "test_cells[1][2]=9: must be at most reach=8 with encoding=one_hot, which has no input for longer "
            "distances",
        ),
        ({"test_cells": [[1, 8, 1]]}, "test_cells[0][0]=1: must be an integer of at least 2"),
        ({"test_cells": [[16, 8]]}, "test_cells[0]=[16, 8]: must be one value for each of [length, hops, reach]"),
        ({"test_cells": [8]}, "test_cells[0]=8: must be a list of integers of at least 1"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_refusals(cls, options, text):
    with pytest.raises(Refusal) as refusal:
        cls(**options)
    assert str(refusal.value) == text


@both
def test_the_shortest_walks_are_fine(cls):
    task = cls(reach=1, min_length=2, max_length=2)
    assert distances_in(task, [task.training_batch(0)]) == {1}
    with pytest.raises(Refusal, match=r"^cell\[0\]=3: must be above the shortest distance of training, 3$"):
        cls(held_out=[1, 2]).cell(3, 1, 8)
