"""What is to be reported on, and what cannot be."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from src import build, checks, cli
from src.build import ConfigError
from src.report.summary import Options


class Request(NamedTuple):
    """What is asked for.

    Attributes:
        folders: to look for runs in.
        rows: the runs.csv to draw anew; None where folders are given.
        out: folder of the report.
        title: of the page; None for one made of what is in it.
        command: that made the runs; None for those of their sweeps.
        options: of the tables.
        pool_versions: runs of different versions in one table.
        pictures: run the median runs once more.
        cmap: colour map.
        given: the settings that change a report, to keep beside it.
    """

    folders: list[str]
    rows: Path | None
    out: Path
    title: str | None
    command: str | None
    options: Options
    pool_versions: bool
    pictures: bool
    cmap: str
    given: dict[str, Any]


def read_request(cfg: Mapping[str, Any]) -> Request:
    """Check the settings of a report.

    Raises:
        ConfigError: a value that cannot be used.
    """
    given = (
        cfg["runs"] if isinstance(cfg["runs"], Sequence) and not isinstance(cfg["runs"], str) else [cfg["runs"]]
    )
    if not given or None in given:
        raise ConfigError(
            f"runs={cfg['runs']!r}: must be folders that hold runs, or the runs.csv of a report: "
            "python -m src.report runs=outputs/sweeps/..."
        )
    folders = [str(one) for one in given]
    tables = [one for one in folders if one.endswith(".csv")]
    if tables and len(folders) > 1:
        raise ConfigError(f"runs={folders!r}: must be folders, or one runs.csv")
    for key in ("title", "command", "against"):
        if cfg[key] is not None and not isinstance(cfg[key], str):
            raise ConfigError(f"{key}={cfg[key]!r}: must be a text")
    for key in ("pool_versions", "pictures"):
        build.check("", checks.flag, key, cfg[key])
    if cfg["margin"] is not None:
        build.check("", checks.number, "margin", cfg["margin"], above=0)
    reference = cfg["reference"]
    if not isinstance(reference, list) or not all(isinstance(one, str) for one in reference):
        raise ConfigError(f"reference={reference!r}: must be a list of models")
    build.check_cmap(cfg["figure"]["cmap"])
    rows = Path(tables[0]) if tables else None
    if rows is not None and not rows.is_file():
        raise ConfigError(f"runs={str(rows)!r}: no such file; must be the runs.csv of a report")
    time = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    beside = Path("outputs/reports") / time if rows is None else rows.parent
    out = beside if cfg["out"] is None else Path(str(cfg["out"]))
    if rows is not None and out != rows.parent:
        raise ConfigError(
            f"out={str(out)!r}: must be left out with runs={str(rows)!r}, which is drawn anew in its place"
        )
    cli.check_writable("out", out)
    return Request(
        folders=folders,
        rows=rows,
        out=out,
        title=cfg["title"],
        command=cfg["command"],
        options=Options(cfg["against"], tuple(reference), cfg["margin"], *_published(cfg["published"])),
        pool_versions=cfg["pool_versions"],
        pictures=cfg["pictures"],
        cmap=cfg["figure"]["cmap"],
        given={key: cfg[key] for key in KEPT} | {"cmap": cfg["figure"]["cmap"]},
    )


#: Settings that a page drawn anew takes from the report before.
KEPT = ("title", "command", "against", "reference", "margin", "published", "pool_versions")


def _published(node: Any) -> tuple[dict[str, float], str]:
    if not isinstance(node, Mapping) or set(node) != {"name", "values"}:
        raise ConfigError(f"published={node!r}: must have the keys name, values")
    values = {} if node["values"] is None else node["values"]
    if not isinstance(values, Mapping):
        raise ConfigError(f"published.values={values!r}: must be numbers by model, as {{gru: 0.91}}")
    for row, value in values.items():
        build.check("", checks.number, f"published.values.{row}", value)
    return {str(row): float(value) for row, value in values.items()}, str(node["name"])
