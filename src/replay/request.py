"""What is to be replayed, and what cannot be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from src.common import checks
from src.networks.recurrent import Recurrent
from src.run.folder import RunFolder
from src.run.load import Run, load_run
from src.settings import cli, errors, keys
from src.settings.errors import ConfigError
from src.tasks.base import Example, Task
from src.tasks.repeat_copy import RepeatCopy

#: Steps of a replay, at most: every step is a frame of the animation and a memory in the page.
MOST_STEPS = 1000


class Request(NamedTuple):
    """What is asked for."""

    folders: list[str]  # of one run, or of two
    checkpoint: str
    length: int | None  # None for that of the task's first example
    repeats: int | None
    fps: float
    out: Path
    cmap: str | None  # None for that of the first run


def read_request(cfg: Mapping[str, Any]) -> Request:
    """Check the settings of a replay, as far as they can be checked without opening a run.

    Raises:
        ConfigError: a value that cannot be used.
    """
    folders = cfg["run"] if isinstance(cfg["run"], Sequence) and not isinstance(cfg["run"], str) else [cfg["run"]]
    if None in folders or len(folders) not in (1, 2):
        raise ConfigError(
            f"run={cfg['run']!r}: must be the folder of a run, or a list of two: "
            "python -m src.replay run=outputs/runs/..."
        )
    checkpoint = errors.check("", checks.choice, "checkpoint", cfg["checkpoint"], ("best", "last"))
    for key in ("length", "repeats"):
        if cfg[key] is not None:
            errors.check("", checks.integer, key, cfg[key])
    # An animation counts hundredths of a second, and viewers slow down what has fewer than two a frame.
    fps = errors.check("", checks.number, "fps", cfg["fps"], above=0, most=50)
    if cfg["figure"]["cmap"] is not None:
        keys.check_cmap(cfg["figure"]["cmap"])
    folders = [str(folder) for folder in folders]
    out = folders[0] if cfg["out"] is None else str(cfg["out"])
    return Request(folders, checkpoint, cfg["length"], cfg["repeats"], fps, Path(out), cfg["figure"]["cmap"])


def open_runs(cfg: Mapping[str, Any]) -> tuple[Request, list[Run]]:
    """What is asked for, and the runs it is asked of.

    Raises:
        ConfigError: a run that cannot be opened or has nothing to replay, settings that do not suit it, or
            two runs that cannot be put side by side.
    """
    request = read_request(cfg)
    tasks = [RunFolder(folder).read_config()["task"]["name"] for folder in request.folders]
    if len(set(tasks)) == 2:
        raise _apart(request, f"are on {tasks[0]} and {tasks[1]}", "be on the same task")
    for key in ("length", "repeats"):
        value = getattr(request, key)
        if value is not None and tasks[0] != "repeat_copy":
            raise ConfigError(f"{key}={value!r}: is for runs on repeat_copy; must be null on {tasks[0]}")
    opened = [load_run(folder, request.checkpoint) for folder in request.folders]
    for folder, run in zip(request.folders, opened, strict=True):
        if not isinstance(run.model, Recurrent):
            raise ConfigError(
                f"run={folder!r}: {run.config['model']['name']} answers once, and there is no time to move "
                "through; must be a run of a model that goes step by step, such as lstm, gru, ntm or dms_ntm"
            )
    _check_sequences(request, [run.task for run in opened])
    if cfg["out"] is None:
        cli.check_writable("run", request.out, "; or give out=<folder>")
    else:
        cli.check_writable("out", request.out)
    return request, opened


def _apart(request: Request, differ: str, must: str) -> ConfigError:
    return ConfigError(f"run={request.folders!r}: {differ}; two runs side by side must {must}")


def _check_sequences(request: Request, tasks: list[Task]) -> None:
    """Refuse two runs whose sequences differ, and sequences that are too long to be watched."""
    for attribute, what in {
        "input_size": "inputs a step",
        "output_size": "outputs a step",
        "steps": "steps",
    }.items():
        sizes = [getattr(task, attribute) for task in tasks]
        if len(set(sizes)) == 2:
            raise _apart(request, f"have {sizes[0]} and {sizes[1]} {what}", "have the same kind of sequence")
    copies = [task for task in tasks if isinstance(task, RepeatCopy)]
    shown = {}
    for key, attribute in {"length": "lengths", "repeats": "repeats"}.items():
        first = [getattr(task, attribute)[1] for task in copies]
        shown[key] = getattr(request, key) or max(first, default=0)
        if getattr(request, key) is None and len(set(first)) == 2:
            raise ConfigError(
                f"{key}=None: the first example has {first[0]} in one run and {first[1]} in the other; "
                "must be an integer of at least 1 for these two"
            )
    steps = shown["length"] * (shown["repeats"] + 1) + 3
    if steps > MOST_STEPS:
        raise ConfigError(
            f"length={shown['length']}, repeats={shown['repeats']}: would take {steps:,} steps; "
            f"must be so small that it takes at most {MOST_STEPS:,}"
        )


def choose_examples(request: Request, tasks: list[Task]) -> list[Example]:
    """The sequence to replay, as each run's own task puts it.

    Raises:
        ConfigError: two tasks whose first examples have different answers.
    """
    examples = []
    for task in tasks:
        task.setup()
        example = task.examples()[0]
        if isinstance(task, RepeatCopy) and (request.length or request.repeats):
            example = task.example(request.length or task.lengths[1], request.repeats or task.repeats[1])
        examples.append(example)
    first, last = examples[0], examples[-1]
    if first.x.shape != last.x.shape or not first.y.equal(last.y):
        raise _apart(request, f"show {first.title!r} and {last.title!r}", "answer the same sequence")
    return examples
