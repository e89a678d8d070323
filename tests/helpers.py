"""Command lines and configurations of runs that take about a second."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir

from src.common.paths import CONF
from src.settings import keys
from src.settings.errors import ConfigError
from src.settings.overrides import with_keys_of_the_task
from src.train import Outcome, train
from tests.composition import compose

#: Folder of MNIST-1D, see tests/conftest.py.
CACHE = os.environ.get("TESTS_CACHE", "outputs/cache")
#: Sizes of the sets of a generated task.
FEW = ("task.batch_size=4", "task.validation_size=8", "task.test_size=8", "task.cell_size=4")
SMALL: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("copy", "reverse"), (*FEW, "task.max_length=3", "task.test_cells=[4]")),
    "repeat_copy": (
        "task.max_length=3",
        "task.max_repeats=2",
        "task.batch_size=4",
        "task.validation_size=8",
        "task.test_size=8",
        "task.cell_size=4",
        "task.test_cells=[[3,4]]",
    ),
    "mnist1d": ("task.batch_size=8", "task.sequence_length=20", f"task.cache={CACHE}"),
    "mlp": ("model.hidden_sizes=[8]",),
    "cnn": ("model.channels=3",),
    "resnet1d": ("model.channels=3", "model.blocks=1"),
    "lstm": ("model.hidden_size=8",),
    "gru": ("model.hidden_size=8",),
    "min_gru": ("model.hidden_size=8", "model.num_layers=1"),
    "transformer": ("model.hidden_size=8", "model.num_layers=1", "model.num_heads=2"),
    "dnc": ("model.memory_slots=8", "model.word_size=5", "model.controller_size=8"),
    "lie_access_ntm": ("model.word_size=5", "model.controller_size=8"),
    "tape_rnn": ("model.memory_slots=8", "model.word_size=5", "model.controller_size=8", "model.mlp_sizes=[6]"),
    "panm": (
        "model.address_bits=6",
        "model.pointers=1",
        "model.pointer_size=6",
        "model.encoder_size=5",
        "model.controller_size=8",
    ),
    "ntm": ("model.memory_slots=8", "model.word_size=5", "model.controller_size=8"),
    "dms_ntm": ("model.memory_slots=8", "model.word_size=5", "model.controller_size=8"),
}
#: Models that see a whole sequence at once, and so take one length only.
AT_ONCE = ("mlp", "cnn", "resnet1d")
ALWAYS = ("logger=none", "trainer.enable_progress_bar=false", "trainer.max_steps=1", "validate_every=1")


def small(*overrides: str, model: str = "dms_ntm", task: str = "repeat_copy") -> list[str]:
    """The command line of a tiny run; `overrides` come last, and so take precedence."""
    sizes = SMALL[task.removesuffix("_seed")] + SMALL[model]
    return [f"model={model}", f"task={task}", *sizes, *ALWAYS, *overrides]


def _composed(command: str, overrides: tuple[str, ...]) -> dict[str, Any]:
    with initialize_config_dir(CONF, version_base="1.3"):
        return keys.resolve(compose(command, with_keys_of_the_task(command, list(overrides))))


def compose_train(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of `python -m src.train` with these overrides."""
    return _composed("train", overrides)


def compose_evaluate(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of `python -m src.evaluate` with these overrides."""
    return _composed("evaluate", overrides)


def compose_replay(*overrides: str) -> dict[str, Any]:
    """The resolved configuration of `python -m src.replay` with these overrides."""
    return _composed("replay", overrides)


def train_small(folder: Path, *overrides: str, model: str = "dms_ntm", task: str = "repeat_copy") -> Outcome:
    """Train a tiny model in a folder."""
    return train(compose_train(*small(*overrides, model=model, task=task)), folder)


def written(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    """The content of a JSON file of a run; NaN and infinity are errors."""

    def never(word: str) -> None:
        raise AssertionError(f"{name} holds {word}")

    return json.loads((folder / name).read_text(), parse_constant=never)


def refused(text: str, function: Callable[..., Any], *arguments: Any) -> str:
    """The refusal of a call, which must be one line that contains a text."""
    with pytest.raises(ConfigError) as refusal:
        function(*arguments)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)
