"""Make a report of any set of runs: `python -m src.report runs=<folders>`."""

import logging
import sys

from src.common import output
from src.report.publication import Found, begin, make, rebuild
from src.report.request import read_request
from src.settings import cli

log = logging.getLogger(__name__)
#: What `refuse` has read of the runs, so that a thousand of them are not read twice.
READ: list[Found] = []


def main(cfg: dict[str, object]) -> None:
    """Report on runs; the exit code is 1 where one could not be counted."""
    request = read_request(cfg)
    problems = rebuild(request) if not request.folders else make(request, READ.pop() if READ else begin(request))
    for problem in problems:
        log.warning("%s: %s%s", problem.run, problem.what, "" if problem.counted else "; not counted")
    print(f"report: {request.out / 'index.html'}")
    if any(not problem.counted for problem in problems):
        sys.exit(1)


def refuse(cfg: dict[str, object]) -> None:
    """Refuse folders without runs, and settings that cannot be used."""
    request = read_request(cfg)
    if request.folders:
        READ[:] = [begin(request)]


if __name__ == "__main__":
    output.protect_standard_streams()
    cli.run("report", main, refuse)
