"""Copy a finished run without optimiser state and logs: `python -m src.publish run=<run folder> name=<name>`."""

import io
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from .common import checks, output
from .common.files import whole_folder
from .common.paths import program
from .run.folder import RunFolder
from .run.load import load_run
from .settings import cli, errors
from .settings.errors import ConfigError

log = logging.getLogger(__name__)
FILES = ("config.yaml", "metrics.json", "history.csv")


def target(cfg: Mapping[str, Any]) -> Path:
    """The folder that a run is to be published in.

    Raises:
        ConfigError: a run that is not finished or cannot be opened, or a folder that exists or cannot be written.
    """
    if cfg["run"] is None:
        raise ConfigError(f"run=None: must be the folder of a run: {program('publish')} run=outputs/runs/...")
    folder = Path(str(cfg["run"]))
    errors.check("", checks.integer, "largest_kib", cfg["largest_kib"])
    load_run(folder)
    status = RunFolder(folder).read_metrics().get("status")
    if status != "finished":
        raise ConfigError(f"run={str(folder)!r}: is {status or 'not ended'}; must be a finished run")
    name = folder.resolve().name if cfg["name"] is None else cfg["name"]
    if not isinstance(name, str) or not name or Path(name).name != name:
        raise ConfigError(f"name={name!r}: must be a name, without a path")
    for part in (*FILES, "figures"):
        if not (folder / part).exists():
            raise ConfigError(f"run={str(folder)!r}: holds no {part}; must be a finished run")
    place = Path(str(cfg["to"])) / name
    key = "run" if cfg["name"] is None else "name"
    cli.check_writable("to", place.parent)
    cli.check_writable(key, place)
    if place.exists():
        raise ConfigError(f"{key}={cfg[key]!r}: {place} exists already; must be a new name")
    return place


def publish(cfg: Mapping[str, Any]) -> Path:
    """Publish one run; returns the new folder, which is written whole or not at all.

    Raises:
        ConfigError: see `target`; or the weights are too large.
    """
    place, folder = target(cfg), Path(str(cfg["run"]))
    with whole_folder(place) as new:
        RunFolder(new).best.parent.mkdir(parents=True)
        for name in FILES:
            shutil.copy(folder / name, new / name)
        shutil.copytree(folder / "figures", new / "figures", ignore=shutil.ignore_patterns("evaluation_*"))
        stored = torch.load(RunFolder(folder).best, map_location="cpu", weights_only=True)
        weights = {name: weight for name, weight in stored["state_dict"].items() if name.startswith("network.")}
        content = io.BytesIO()
        torch.save({"state_dict": weights}, content)
        RunFolder(new).best.write_bytes(content.getbuffer())
        kib = content.tell() / 1024
        if kib > cfg["largest_kib"]:
            raise ConfigError(
                f"run={str(folder)!r}: its weights take {kib:,.0f} KiB; "
                f"must be at most largest_kib={cfg['largest_kib']}"
            )
    log.info("The weights take %.0f KiB.", kib)
    return place


def main(cfg: dict[str, Any]) -> None:
    """Publish one run."""
    print(f"published: {publish(cfg)}")


def refuse(cfg: dict[str, Any]) -> None:
    """Refuse a run that cannot be published."""
    target(cfg)


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("publish", main, refuse)
