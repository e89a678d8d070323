"""MNIST-1D as a sequence task: forty numbers, one per step, to be classified as a digit at the last step.

Greydanus and Kobak, "Scaling Down Deep Learning with MNIST-1D", arXiv:2011.14439. The digit is drawn as a
curve, then shifted, sheared, scaled and blurred, so that no single number identifies it:

    step     0      1      2      3    ...   38     39
    in       -0.33  -0.47  -0.78  -1.01      0.88   0.91
    answer                                          2

The data come from the generator in the authors' package and equal their frozen file; nothing is downloaded.
"""

import logging
import random
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from ..common import checks
from .base import Example, Task
from .streams import generator

log = logging.getLogger(__name__)

CLASSES, FEATURES = 10, 40
#: Batch size of validation and tests.
EVALUATION_BATCH = 500
#: The generator seed of the frozen set, and that of the extra test set.
FROZEN_SEED, GENERATED_SEED = 42, 2024
#: The split into training and validation is the same for every seed of a run.
SPLIT_STREAM = 7


class MNIST1DBatch(NamedTuple):
    """Sequences with one class each."""

    x: Float[Tensor, "B T 1"]
    y: Integer[Tensor, "B"]


class DatasetSizes(NamedTuple):
    """How many examples are generated and how they are split."""

    examples: int
    train_share: float
    validation: int
    generated: int  # additional test examples, from another generator seed


SETUPS = {
    # The frozen set: 3,200 for training, 800 for validation, 1,000 and 10,000 additional ones for testing.
    "frozen": DatasetSizes(examples=5000, train_share=0.8, validation=800, generated=10_000),
    # The original experiment: 3,200 + 800; 320 of the 3,200 are for validation.
    "seed": DatasetSizes(examples=4000, train_share=0.8, validation=320, generated=0),
}


def make(examples: int, train_share: float, seed: int) -> dict[str, np.ndarray]:
    """Generate the data set with the authors' code: x, y, x_test and y_test.

    Their generator reseeds numpy and random globally; both states are restored.
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
    """The data set from its cached npz file; generated, with a log message, if that is missing or damaged."""
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
            raise ValueError("unexpected arrays")
        return data
    except (FileNotFoundError, NotADirectoryError):
        log.info("Making MNIST-1D (%d examples); it is cached in %s.", examples, path)
    except Exception as damage:  # a damaged zip file raises many kinds of exception
        log.warning("The cache %s is damaged (%s); making it anew.", path, damage)
    data = make(examples, train_share, seed)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{random.SystemRandom().getrandbits(32):08x}.part")
        try:  # under a name of its own: several processes may make the set at once
            with partial.open("wb") as target:
                np.savez_compressed(target, allow_pickle=False, **data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as refusal:
        log.warning("MNIST-1D could not be cached in %s (%s).", path, refusal)
    return data


def stratified(y: Integer[Tensor, "n"], size: int) -> tuple[Integer[Tensor, "rest"], Integer[Tensor, "size"]]:
    """Split indices into the rest and a stratified part of `size` examples.

    >>> rest, part = stratified(torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]), 4)
    >>> sorted(part.tolist())[:2][1] < 4 <= sorted(part.tolist())[2], len(rest)
    (True, 4)
    """
    order = torch.randperm(len(y), generator=generator(SPLIT_STREAM))
    by_class = order[y[order].argsort(stable=True)]
    # Every k-th of the examples sorted by class: all classes in proportion.
    held = torch.zeros(len(y), dtype=torch.bool)
    held[by_class[torch.arange(size) * len(y) // size]] = True
    return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)


class MNIST1D(Task):
    """MNIST-1D as a LightningDataModule.

    The tests are `test` and, on the frozen set, `generated`: 10,000 examples from another generator seed,
    with a standard error of 0.4 points instead of 1.2.

    Args:
        setup: frozen (the authors' file) or seed (the sizes of the original experiment, whose results README.md
            compares with).
        sequence_length: 40, or 20 for every second feature from the first.
        batch_size: examples in a training batch.
        cache: folder for the cached arrays.
        seed: of the order of the training examples.
    """

    objective = "classes"
    input_size = 1
    output_size = CLASSES
    like_training = ("test", "generated")

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
        sizes = SETUPS[setup]
        self.training_size = round(sizes.examples * sizes.train_share) - sizes.validation
        self.batch_size = checks.integer("batch_size", batch_size, most=self.training_size)
        self.cache = Path(cache)
        self.seed = checks.integer("seed", seed, least=0)

    def prepare(self) -> None:
        sizes = SETUPS[self.setup_name]
        data = load(self.cache, sizes.examples, sizes.train_share, FROZEN_SEED)
        whole = self.batch(data["x"], data["y"])
        training, validation = stratified(whole.y, sizes.validation)
        self.training = MNIST1DBatch(whole.x[training], whole.y[training])
        self.validation = split(MNIST1DBatch(whole.x[validation], whole.y[validation]))
        self.tests = {"test": split(self.batch(data["x_test"], data["y_test"]))}
        if sizes.generated:
            more = load(self.cache, sizes.generated, 0.5, GENERATED_SEED)
            x, y = (np.concatenate([more[name], more[f"{name}_test"]]) for name in ("x", "y"))
            self.tests["generated"] = split(self.batch(x, y))

    def batch(self, x: np.ndarray, y: np.ndarray) -> MNIST1DBatch:
        """Arrays x[n, 40] and y[n] as sequences of the chosen length."""
        every = 40 // (self.steps or 40)
        return MNIST1DBatch(torch.from_numpy(x[:, ::every]).float().unsqueeze(2), torch.from_numpy(y).long())

    def training_batch(self, n: int) -> MNIST1DBatch:
        """Batch n; each epoch has its own order, and drops a last incomplete batch."""
        per_epoch = self.training_size // self.batch_size
        order = torch.randperm(self.training_size, generator=generator(self.seed, n // per_epoch))
        chosen = order[(n % per_epoch) * self.batch_size :][: self.batch_size]
        return MNIST1DBatch(self.training.x[chosen], self.training.y[chosen])

    def examples(self) -> list[Example]:
        """The first example of the validation set and of the test set."""
        sets = {"validation": self.validation[0], "test": self.tests["test"][0]}
        return [
            Example(
                name=name,
                title=f"MNIST-1D, {name} example 1: a {int(batch.y[0])}",
                x=batch.x[:1],
                y=batch.y[:1],
                mask=batch.x.new_zeros(1, batch.x.shape[1]),
                marks={},
            )
            for name, batch in sets.items()
        ]

    def channels(self) -> tuple[list[str], list[str]]:
        return ["1"], [str(digit) for digit in range(CLASSES)]

    def needed_slots(self, batch: Any) -> int:
        """One: the task does not require storing the inputs."""
        return 1


def split(whole: MNIST1DBatch) -> list[MNIST1DBatch]:
    """A fixed set as a list of batches."""
    parts = zip(whole.x.split(EVALUATION_BATCH), whole.y.split(EVALUATION_BATCH), strict=True)
    return [MNIST1DBatch(x, y) for x, y in parts]
