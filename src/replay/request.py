"""Settings of a replay: checks, and the choice of runs and sequence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..common.paths import program
from ..networks.fixed_length import FixedLength
from ..run.asked_cells import fault_of
from ..run.folder import RunFolder, check_results_folder, results_folder
from ..run.load import Run, check_slots, load_run
from ..settings import build, errors, keys, longest, required
from ..settings.errors import ConfigError
from ..tasks.base import Example, Task

#: Most steps of a replay: every step is a frame of the animation and a memory matrix in the page.
MOST_STEPS = 1000
#: Keys of conf/replay.yaml beside the sizes of the sequence.
OWN = sorted(key for key in required.keys_of("replay") if key != "cell")


class ReplayRequest(NamedTuple):
    """Checked settings of a replay."""

    folders: list[str]  # run folders, one or two
    checkpoint: str  # best or last
    sizes: dict[str, int]  # value by name of the axis; other axes have that of the task's first example
    memory_slots: int | None  # of runs with a memory; None for as many as in training
    fps: float  # frames a second
    out: Path
    cmap: str | None  # colour map; None for that of the first run


def read_request(cfg: Mapping[str, Any]) -> ReplayRequest:
    """Check the settings of a replay that can be checked without opening a run.

    Raises:
        ConfigError: an invalid value.
    """
    folders = cfg["run"] if isinstance(cfg["run"], Sequence) and not isinstance(cfg["run"], str) else [cfg["run"]]
    if None in folders:
        for key in cfg["cell"]:
            if checks.did_you_mean(str(key), OWN):
                raise _unknown(str(key), cfg["cell"][key])
    if None in folders or len(folders) not in (1, 2):
        raise ConfigError(
            f"run={cfg['run']!r}: must be the folder of a run, or a list of two: "
            f"{program('replay')} run=outputs/runs/..."
        )
    checkpoint = errors.check("", checks.choice, "checkpoint", cfg["checkpoint"], ("best", "last"))
    if cfg["memory_slots"] is not None:
        errors.check("", checks.integer, "memory_slots", cfg["memory_slots"])
    # GIF durations are in hundredths of a second, and viewers slow down frames shorter than two.
    fps = errors.check("", checks.number, "fps", cfg["fps"], above=0, most=50)
    if cfg["figure"]["cmap"] is not None:
        keys.check_cmap(cfg["figure"]["cmap"])
    folders = [str(folder) for folder in folders]
    out = results_folder(folders[0], cfg["out"], "replays")
    sizes = {str(key): value for key, value in cfg["cell"].items() if value is not None}
    return ReplayRequest(folders, checkpoint, sizes, cfg["memory_slots"], fps, out, cfg["figure"]["cmap"])


def open_runs(cfg: Mapping[str, Any]) -> tuple[ReplayRequest, list[Run]]:
    """The checked settings and the opened runs.

    Raises:
        ConfigError: a run that cannot be opened, or whose network is a `FixedLength`; settings that do not fit the
            task; or two runs that cannot be shown side by side.
    """
    request = read_request(cfg)
    configs = [RunFolder(folder).read_config()["task"] for folder in request.folders]
    tasks = [one["name"] for one in configs]
    if len(set(tasks)) == 2:
        raise _mismatch(request, f"are on {tasks[0]} and {tasks[1]}", "be on the same task")
    _check_sizes(cfg["cell"], [axis.name for axis in build.axes_of(configs[0])], tasks[0])
    opened = [load_run(folder, request.checkpoint) for folder in request.folders]
    for folder, run in zip(request.folders, opened, strict=True):
        if isinstance(run.model, FixedLength):
            raise ConfigError(
                f"run={folder!r}: {run.config['model']['name']} answers once, and there is no time to move "
                "through; must be a run of a model that goes step by step, such as lstm or ntm"
            )
    check_slots(request.memory_slots, *opened)
    _check_sequences(request, opened, configs)
    check_results_folder(request.out, cfg["out"])
    return request, opened


def _check_sizes(sizes: Mapping[str, Any], axes: Sequence[str], task: str) -> None:
    """Refuse sizes that are none of the task's axes, and other misspelt keys, which arrive here as well."""
    for key, value in sizes.items():
        if key not in axes:
            more = f" or, on {task}, {', '.join(axes)}" if axes else f"; {task} has no sizes to choose"
            raise _unknown(key, value, more, axes)
        if value is not None:
            errors.check("", checks.integer, key, value)


def _unknown(key: str, value: Any, more: str = "", axes: Sequence[str] = ()) -> ConfigError:
    hint = checks.did_you_mean(key, [*axes, *OWN])
    return ConfigError(f"{key}={value!r}: unknown key {key!r}; must be one of {', '.join(OWN)}{more}{hint}")


def _mismatch(request: ReplayRequest, differ: str, must: str) -> ConfigError:
    return ConfigError(f"run={request.folders!r}: {differ}; two runs side by side must {must}")


def _check_sequences(request: ReplayRequest, opened: Sequence[Run], configs: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two runs whose sequences differ, and sequences that are too long."""
    tasks = [run.task for run in opened]
    for attribute, what in {
        "input_size": "inputs a step",
        "output_size": "outputs a step",
        "steps": "steps",
    }.items():
        sizes = [getattr(task, attribute) for task in tasks]
        if len(set(sizes)) == 2:
            raise _mismatch(request, f"have {sizes[0]} and {sizes[1]} {what}", "have the same kind of sequence")
    cells = [_cell(request, task) for task in tasks]
    for axis, first, last in zip(tasks[0].axes, cells[0], cells[-1], strict=True):
        if first != last:
            raise ConfigError(
                f"{axis.name}=None: the first example has {first} in one run and {last} in the other; "
                "must be an integer of at least 1 for these two"
            )
    if not tasks[0].axes:
        return
    keys = [axis.name if axis.name in request.sizes else None for axis in tasks[0].axes]
    for config in configs:
        if fault := fault_of(config, tasks[0].axes, cells[0], keys):
            raise ConfigError(fault)
    steps = tasks[0].steps_of(*cells[0])
    shown = ", ".join(f"{axis.name}={value}" for axis, value in zip(tasks[0].axes, cells[0], strict=True))
    for one in opened:
        longest.check_steps(shown, steps, one.config, one.model)
    if steps > MOST_STEPS:
        raise ConfigError(
            f"{shown}: would take {steps:,} steps; must be so small that it takes at most {MOST_STEPS:,}"
        )


def _cell(request: ReplayRequest, task: Task) -> tuple[int, ...]:
    """The cell of the sequence to replay; by default the largest training value of each axis."""
    return tuple(
        request.sizes.get(axis.name) or most for axis, (_, most) in zip(task.axes, task.trained, strict=True)
    )


def choose_examples(request: ReplayRequest, tasks: list[Task]) -> list[Example]:
    """The sequence to replay, as an example of each run's task.

    Raises:
        ConfigError: two tasks whose first examples have different answers.
    """
    examples = []
    for task in tasks:
        task.setup()
        example = task.examples()[0]
        if request.sizes:
            example = task.example(*_cell(request, task))
        examples.append(example)
    first, last = examples[0], examples[-1]
    if first.x.shape != last.x.shape or not first.y.equal(last.y):
        raise _mismatch(request, f"show {first.title!r} and {last.title!r}", "answer the same sequence")
    return examples
