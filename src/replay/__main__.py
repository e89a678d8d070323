"""The command: `python -m src.replay run=<run folder>`, or run=[<folder>,<folder>] for two side by side."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..common import output
from ..common.files import write_whole
from ..figures.png import reason
from ..settings import build, cli
from ..settings.errors import ConfigError
from . import gif, page
from .film import Film
from .recording import Recording, record
from .request import ReplayRequest, choose_examples, open_runs

log = logging.getLogger(__name__)
#: Number of frames from which the palette of an animation is taken.
PALETTE_FRAMES = 6


def replay(cfg: Mapping[str, Any]) -> list[Path]:
    """Replay one run, or two side by side; returns the page and the animation that were written.

    Raises:
        ConfigError: runs that cannot be opened, invalid settings, or an animation that cannot be drawn; nothing
            is written then.
    """
    request, opened = open_runs(cfg)
    examples = choose_examples(request, [run.task for run in opened])
    recordings: list[Recording] = []
    for run, example in zip(opened, examples, strict=True):
        stored = run.config
        title = f"{stored['model']['name']}, seed {stored['seed']}, {request.checkpoint} checkpoint"
        slots = None if run.model.memory_slots is None else request.memory_slots
        recording = record(build.build_learner(stored, run.task, run.model, slots), example, title)
        log.info("%s: %s", title, recording.verdict)
        shown, trained = recording.heads and recording.heads.memory.shape[1], run.model.memory_slots
        if shown is not None and trained is not None and shown != trained:
            log.info("%s: shown with %d memory slots; trained with %d", title, shown, trained)
        recordings.append(recording)

    models = " and ".join(dict.fromkeys(run.config["model"]["name"] for run in opened))
    title = f"{models} on {opened[0].config['task']['name']}"
    cmap = request.cmap or opened[0].config["figure"]["cmap"]
    name = file_name(request, examples[0].name)
    try:
        film = Film(recordings, f"{title}: {examples[0].title}", cmap)
        sample = [film.frame(film.steps * i // PALETTE_FRAMES) for i in range(PALETTE_FRAMES)]
        animation = gif.encode(film.frames(), sample, request.fps)
    except Exception as failure:
        log.debug("The animation:", exc_info=True)
        raise ConfigError(f"{request.out / name}.gif: cannot be drawn ({reason(failure)})") from failure
    contents: dict[Path, str | bytes] = {
        request.out / f"{name}.html": page.render(recordings, title, examples[0].title, cmap, request.fps),
        request.out / f"{name}.gif": animation,
    }
    request.out.mkdir(parents=True, exist_ok=True)
    for path, content in contents.items():
        write_whole(path, content)
    return list(contents)


def file_name(request: ReplayRequest, cell: str) -> str:
    """Name of both files without suffix; contains the cell if requested, and the second run."""
    name = "replay"
    if request.sizes:
        name += f"_{cell}"
    if len(request.folders) == 2:
        name += f"_and_{Path(request.folders[1]).resolve().name}"
    return name


def main(cfg: dict[str, Any]) -> None:
    """Replay one run, or two."""
    for path in replay(cfg):
        print(f"written: {path}")


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse runs that cannot be opened, and settings that do not fit them."""
    open_runs(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("replay", main, refuse)
