"""MNIST-1D read as a sequence: forty numbers, one a step, and at the end, which digit was it?

Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D", arXiv:2011.14439. The digit is drawn as a
curve, then moved, sheared, scaled and blurred, so that no single number tells much:

    step     0      1      2      3    ...   38     39
    in       -0.33  -0.47  -0.78  -1.01      0.88   0.91
    answer                                          2

The data are made by the authors' package and equal their frozen file; nothing is downloaded.
"""

import logging
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from src.common import checks
from src.tasks.base import Example, Task
from src.tasks.streams import generator

log = logging.getLogger(__name__)

CLASSES, FEATURES = 10, 40
#: Examples that go through a network together in validation and tests.
EVALUATION_BATCH = 500
#: The generator seed of the frozen set, and that of the extra test set.
FROZEN_SEED, GENERATED_SEED = 42, 2024
#: The split into training and validation is the same for every seed of a run.
SPLIT_STREAM = 7


class MNIST1DBatch(NamedTuple):
    """Sequences with one answer each."""

    x: Float[Tensor, "B T 1"]
    y: Integer[Tensor, "B"]


class Setup(NamedTuple):
    """How many examples are made and how they are divided."""

    examples: int
    train_share: float
    validation: int
    generated: int  # extra test examples, from another generator seed


SETUPS = {
    # The frozen set: 3,200 to train, 800 to choose by, 1,000 to test, and 10,000 more to test.
    "frozen": Setup(examples=5000, train_share=0.8, validation=800, generated=10_000),
    # The seed experiment's: 3,200 + 800; 320 of the 3,200 are kept to choose by.
    "seed": Setup(examples=4000, train_share=0.8, validation=320, generated=0),
}


def make(examples: int, train_share: float, seed: int) -> dict[str, np.ndarray]:
    """Draw the data set with the authors' generator: x, y, x_test and y_test.

    The generator reseeds numpy and random globally; what they were is put back.
    """
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples, arguments.train_split, arguments.seed = examples, train_share, seed
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        made = make_dataset(arguments)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
    return {name: made[name] for name in ("x", "y", "x_test", "y_test")}


def load(cache: Path, examples: int, train_share: float, seed: int) -> dict[str, np.ndarray]:
    """The data set from its cached npz, made anew, with a message, where that is missing or damaged."""
    training = round(examples * train_share)
    path = cache / f"mnist1d_{examples}_{training}_seed{seed}.npz"
    expected = {
        "x": ((training, FEATURES), "f"),
        "y": ((training,), "i"),
        "x_test": ((examples - training, FEATURES), "f"),
        "y_test": ((examples - training,), "i"),
    }
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            data = {name: stored[name] for name in expected}
        if {name: (part.shape, part.dtype.kind) for name, part in data.items()} != expected:
            raise ValueError("other arrays")
        return data
    except (FileNotFoundError, NotADirectoryError):
        log.info("Making MNIST-1D (%d examples); it is cached in %s.", examples, path)
    except Exception as damage:  # a damaged zip file raises nearly anything
        log.warning("The cache %s is damaged (%s); making it anew.", path, damage)
    data = make(examples, train_share, seed)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{random.SystemRandom().getrandbits(32):08x}.part")
        with partial.open("wb") as whole:
            np.savez_compressed(whole, allow_pickle=False, **data)
        partial.replace(path)
    except OSError as refusal:
        log.warning("MNIST-1D could not be cached in %s (%s).", path, refusal)
    return data


def stratified(y: Integer[Tensor, "n"], size: int) -> tuple[Integer[Tensor, "rest"], Integer[Tensor, "size"]]:
    """Divide indices into the rest and `size` examples with as many of each class as the whole has.

    >>> rest, held = stratified(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), 4)
    >>> sorted(held.tolist())[:2][1] < 4 <= sorted(held.tolist())[2], len(rest)
    (True, 4)
    """
    order = torch.randperm(len(y), generator=generator(SPLIT_STREAM))
    by_class = order[y[order].argsort(stable=True)]
    # Every k-th of the examples sorted by class: each class gives its share.
    held = torch.zeros(len(y), dtype=torch.bool)
    held[by_class[torch.arange(size) * len(y) // size]] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


class MNIST1D(Task):
    """MNIST-1D as a LightningDataModule.

    The tests are `test` and, on the frozen set, `generated`: 10,000 examples from another generator seed,
    with a standard error of 0.4 points instead of 1.2.

    Args:
        setup: frozen or seed.
        sequence_length: 40, or 20 for every second feature from the first.
        batch_size: examples in a training batch.
        cache: folder of the cached arrays.
        seed: of the order of training.
    """

    objective = "classes"
    input_size = 1
    output_size = CLASSES

    def __init__(
        self,
        setup: str = "frozen",
        sequence_length: int = 40,
        batch_size: int = 64,
        cache: str = "outputs/cache",
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.setup_name = checks.choice("setup", setup, tuple(SETUPS))
        self.steps = checks.choice("sequence_length", sequence_length, (40, 20))
        plan = SETUPS[setup]
        self.training_size = round(plan.examples * plan.train_share) - plan.validation
        self.batch_size = checks.integer("batch_size", batch_size, most=self.training_size)
        self.cache = Path(cache)
        self.seed = checks.integer("seed", seed, least=0)

    def prepare(self) -> None:
        plan = SETUPS[self.setup_name]
        data = load(self.cache, plan.examples, plan.train_share, FROZEN_SEED)
        whole = self.batch(data["x"], data["y"])
        training, validation = stratified(whole.y, plan.validation)
        self.training = MNIST1DBatch(whole.x[training], whole.y[training])
        self.validation = split(MNIST1DBatch(whole.x[validation], whole.y[validation]))
        self.tests = {"test": split(self.batch(data["x_test"], data["y_test"]))}
        if plan.generated:
            more = load(self.cache, plan.generated, 0.5, GENERATED_SEED)
            x, y = (np.concatenate([more[name], more[f"{name}_test"]]) for name in ("x", "y"))
            self.tests["generated"] = split(self.batch(x, y))

    def batch(self, x: np.ndarray, y: np.ndarray) -> MNIST1DBatch:
        """Arrays x[n, 40] and y[n] as sequences of the chosen length."""
        every = 40 // (self.steps or 40)
        return MNIST1DBatch(torch.from_numpy(x[:, ::every]).float().unsqueeze(2), torch.from_numpy(y).long())

    def training_batch(self, n: int) -> MNIST1DBatch:
        """Batch n: the training set in an order of its own each time through, a last short batch dropped."""
        a_pass = self.training_size // self.batch_size
        order = torch.randperm(self.training_size, generator=generator(self.seed, n // a_pass))
        chosen = order[(n % a_pass) * self.batch_size :][: self.batch_size]
        return MNIST1DBatch(self.training.x[chosen], self.training.y[chosen])

    def examples(self) -> list[Example]:
        """The first example of validation and of the test."""
        sets = {"validation": self.validation[0], "test": self.tests["test"][0]}
        return [
            Example(
                name=name,
                title=f"MNIST-1D, {name} example 1: a {int(batch.y[0])}",
                x=batch.x[:1],
                y=batch.y[:1],
                mask=batch.x.new_zeros(1, batch.x.shape[1]),
                marks={},
                needed_slots=1,
            )
            for name, batch in sets.items()
        ]

    def needed_slots(self, batch: MNIST1DBatch) -> int:
        """Nothing need be stored word by word."""
        return 1


def split(whole: MNIST1DBatch) -> list[MNIST1DBatch]:
    """A fixed set in batches."""
    parts = zip(whole.x.split(EVALUATION_BATCH), whole.y.split(EVALUATION_BATCH), strict=True)
    return [MNIST1DBatch(x, y) for x, y in parts]
