"""The command `python -m src.benchmark [part]`; the default part is speed."""

import argparse
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import torch
from hydra.errors import HydraException, MissingConfigException

from ..common import output
from ..common.files import write_whole
from ..common.paths import program
from ..figures.png import figure_errors_as_warnings, pngs
from ..run.provenance import versions
from ..settings import cli
from ..settings.unknown import first_line, unknown_choice
from . import cost, jobs, loop, memory, options, roofline, sampling, speed, sweep

#: Dots per inch of PNG files.
DPI = 150
PARTS = {
    "speed": speed,
    "options": options,
    "roofline": roofline,
    "sampling": sampling,
    "cost": cost,
    "memory": memory,
    "loop": loop,
    "jobs": jobs,
    "sweep": sweep,
}


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with code 2."""
        self.exit(2, f"error: {message}; see --help\n")


def main() -> None:
    """Parse the command line, run the benchmark, print its table, and write files if --out is given."""
    parser = Parser(prog=program("benchmark"), description="Benchmarks of training; the default part is speed.")
    parts = parser.add_subparsers(dest="part", required=True, metavar="part")
    for name, part in PARTS.items():
        own = parts.add_parser(name, help=part.ABOUT, description=f"{part.ABOUT[0].upper()}{part.ABOUT[1:]}.")
        part.arguments(own)
        if part not in (jobs, sweep):  # their subprocesses have one thread each
            own.add_argument("--threads", type=int, default=torch.get_num_threads())
        own.add_argument("--out", type=Path, default=None, help="folder for JSON, Markdown table and figure")
    line = sys.argv[1:]
    if not line or (line[0].startswith("-") and line[0] not in ("-h", "--help")):
        line = ["speed", *line]
    given = parser.parse_args(line)
    _check(parser, given)
    threads = getattr(given, "threads", 1)
    torch.set_num_threads(threads)
    part = PARTS[given.part]
    try:
        result = part.measure(given)
    except HydraException as error:
        option = next((f"--{key}: " for key in ("models", "model") if key in given), "")
        reason = unknown_choice(error, []) if isinstance(error, MissingConfigException) else first_line(error)
        parser.error(f"{option}{reason}")
    text = part.markdown(result)
    print(f"{part.ABOUT[0].upper()}{part.ABOUT[1:]}; {threads} threads.\n\n{text}")
    if given.out is not None:
        _write(given, part, result, text)


def _check(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Refuse numbers below 1, a peer that is not there, and an output folder that is not writable."""
    for key, value in vars(given).items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int) and not isinstance(one, bool) and one < 1:
                parser.error(f"--{key.replace('_', '-')} {one}: must be at least 1")
    peer = getattr(given, "peer", None)
    if peer is not None and not (peer / "ntm" / "aio.py").exists():
        parser.error(f"--peer {peer}: must be a checkout of pytorch-ntm, which holds ntm/aio.py")
    if getattr(given, "dnc_package", False) and importlib.util.find_spec("dnc") is None:
        parser.error("--dnc-package: the package dnc must be installed; pip install --no-deps dnc")
    if given.out is not None:
        with cli.refusals():
            cli.check_writable("--out", given.out)


def _write(given: argparse.Namespace, part: Any, result: Any, text: str) -> None:
    given.out.mkdir(parents=True, exist_ok=True)
    paths = {name: path.name for name, path in vars(given).items() if isinstance(path, Path)}
    content = {"measured": result, "settings": {**vars(given), **paths}, "versions": versions()}
    write_whole(given.out / f"{given.part}.json", json.dumps(content, indent=2) + "\n")
    write_whole(given.out / f"{given.part}.md", text + "\n")
    figures = {}
    if hasattr(part, "figure"):
        with figure_errors_as_warnings(given.part):
            figures[given.part] = part.figure(result)
    for name, drawn in pngs(figures, DPI).items():
        write_whole(given.out / f"{name}.png", drawn)


if __name__ == "__main__":
    output.protect_standard_streams()
    main()
