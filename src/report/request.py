"""Settings of a report: checks, and merging with those of an earlier report."""

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..common import checks
from ..common.paths import command, program
from ..settings import cli, errors, keys
from ..settings.errors import ConfigError
from .protocols import ROWS_BY
from .tables import TableOptions

#: Settings of the pages, which a redrawn report keeps unless new ones are given.
KEPT = ("title", "command", "against", "reference", "margin", "published", "cmap")


class ReportRequest(NamedTuple):
    """Checked settings of a report.

    Attributes:
        folders: folders to search for runs; empty to redraw a report.
        out: folder of the report.
        pool_versions: put runs of different versions into one table.
        rows_by: settings or folder, see `src.report.protocols.place`.
        pictures: run the median runs on examples, to draw answers and heads.
        memory_slots: memory slots of the headline tests; None for as many as in training.
        tuning: table of the runs by which settings were chosen, to copy into the report; None for none.
        settings: settings of the pages by key.
    """

    folders: list[str]
    out: Path
    pool_versions: bool
    rows_by: str
    pictures: bool
    memory_slots: int | None
    tuning: Path | None
    settings: dict[str, Any]


def read_request(cfg: Mapping[str, Any]) -> ReportRequest:
    """Check the settings of a report.

    Raises:
        ConfigError: an invalid value.
    """
    given = (
        cfg["runs"] if isinstance(cfg["runs"], Sequence) and not isinstance(cfg["runs"], str) else [cfg["runs"]]
    )
    if not given or not all(given):
        raise ConfigError(
            f"runs={cfg['runs']!r}: must be folders that hold runs, or the runs.csv of a report: "
            f"{program('report')} runs=outputs/sweeps/..."
        )
    folders = [str(one) for one in given]
    for key in ("pool_versions", "pictures"):
        errors.check("", checks.flag, key, cfg[key])
    errors.check("", checks.choice, "rows_by", cfg["rows_by"], ROWS_BY)
    slots = cfg["memory_slots"]
    if slots is not None:
        errors.check("", checks.integer, "memory_slots", slots)
    tuning = None if cfg["tuning"] is None else Path(str(cfg["tuning"]))
    if tuning is not None and not os.path.isfile(tuning):
        raise ConfigError(
            f"tuning={str(tuning)!r}: no such file; must be a table, as {command('study')} writes it"
        )
    settings = _page_settings(cfg)
    if any(one.endswith(".csv") for one in folders):
        return ReportRequest([], _folder_to_redraw(cfg, folders), False, ROWS_BY[0], False, None, tuning, settings)
    if cfg["out"] is None:
        out = Path("outputs/reports") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    else:
        out = Path(str(cfg["out"]))
    cli.check_writable("out", Path(os.path.realpath(out)))
    if out.is_dir() and any(out.iterdir()) and not (out / "report.json").exists():
        raise ConfigError(f"out={str(out)!r}: holds other things; must be a new folder, or that of a report")
    pooled, rows_by, pictures = (cfg[key] for key in ("pool_versions", "rows_by", "pictures"))
    return ReportRequest(folders, out, pooled, rows_by, pictures, slots, tuning, settings)


def _folder_to_redraw(cfg: Mapping[str, Any], folders: list[str]) -> Path:
    """The folder of the report to redraw."""
    rows = Path(folders[0])
    if len(folders) > 1:
        raise ConfigError(f"runs={folders!r}: must be folders, or one runs.csv")
    if not os.path.isfile(rows):
        raise ConfigError(f"runs={str(rows)!r}: no such file; must be the runs.csv of a report")
    needs_folders = {
        "out": None,
        "pool_versions": False,
        "rows_by": ROWS_BY[0],
        "pictures": True,
        "memory_slots": None,
    }
    for key, wanted in needs_folders.items():
        if cfg[key] != wanted:
            raise ConfigError(f"{key}={cfg[key]!r}: needs the run folders; must be left out with {rows}")
    cli.check_writable("runs", rows.parent)
    return rows.parent


def _page_settings(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the pages."""
    for key in ("title", "command", "against"):
        if cfg[key] is not None and not isinstance(cfg[key], str):
            raise ConfigError(f"{key}={cfg[key]!r}: must be a text")
    if cfg["margin"] is not None:
        errors.check("", checks.number, "margin", cfg["margin"], above=0)
    reference = cfg["reference"]
    if not isinstance(reference, list) or not all(isinstance(one, str) for one in reference):
        raise ConfigError(f"reference={reference!r}: must be a list of models")
    published = cfg["published"]
    if not isinstance(published, Mapping) or set(published) != {"name", "values"}:
        raise ConfigError(f"published={published!r}: must have the keys name, values")
    values = published["values"] or {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"published.values={values!r}: must be numbers by model, as {{gru: 0.91}}")
    for row, value in values.items():
        errors.check("", checks.number, f"published.values.{row}", value)
    if (cmap := cfg["figure"]["cmap"]) is not None:
        keys.check_cmap(cmap)
    return {key: cmap if key == "cmap" else cfg[key] for key in KEPT}


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a redrawn report: the stored ones, overridden by those given."""
    new = {key: given[key] for key in KEPT if given[key] and key != "published"}
    if given["published"]["values"]:
        new["published"] = given["published"]
    return {**stored, **new}


def options(settings: Mapping[str, Any], known: Iterable[str]) -> TableOptions:
    """Options of the tables, from the settings of the pages.

    Args:
        settings: `ReportRequest.settings`.
        known: names of all rows.

    Raises:
        ConfigError: an unknown row, or one that is to be compared with and not to be compared.
    """
    published = settings["published"]
    values = {str(row): float(value) for row, value in (published["values"] or {}).items()}
    rows = list(dict.fromkeys(known))
    asked = {"against": [settings["against"]] if settings["against"] else [], "reference": settings["reference"]}
    for key, names in {**asked, "published.values": list(values)}.items():
        for name in names:
            if name not in rows:
                raise ConfigError(
                    f"{key}={settings.get(key, values)!r}: no row {name!r}; must be of {', '.join(rows)}"
                )
    if settings["against"] in settings["reference"]:
        raise ConfigError(
            f"against={settings['against']!r}: is in reference, whose rows are not compared; must be another row"
        )
    return TableOptions(
        settings["against"], tuple(settings["reference"]), settings["margin"], values, str(published["name"])
    )
