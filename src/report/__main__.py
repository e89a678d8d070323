"""The command: `python -m src.report runs=<folders>` makes a report on any set of runs."""

import logging
import sys

from ..common import output
from ..settings import cli
from .publication import CollectedRuns, collect, make, rebuild
from .request import read_request

log = logging.getLogger(__name__)
#: Runs that `refuse` has read, so that `main` does not read them again.
READ: list[CollectedRuns] = []


def main(cfg: dict[str, object]) -> None:
    """Make or redraw a report; the exit code is 1 if a run could not be counted."""
    request = read_request(cfg)
    problems = rebuild(request) if not request.folders else make(request, READ.pop() if READ else collect(request))
    for problem in problems:
        log.warning("%s: %s%s", problem.run, problem.what, "" if problem.counted else "; not counted")
    print(f"report: {request.out / 'index.html'}")
    if any(not problem.counted for problem in problems):
        sys.exit(1)


def refuse(cfg: dict[str, object]) -> None:
    """Refuse folders without runs, and invalid settings."""
    request = read_request(cfg)
    if request.folders:
        READ[:] = [collect(request)]


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("report", main, refuse)
