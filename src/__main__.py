"""The program `dms-ntm`: `dms-ntm train model=ntm` is `python -m dms_ntm.train model=ntm`."""

import os
import runpy
import sys

from . import __version__
from .common.checks import did_you_mean
from .common.paths import PACKAGE

#: The commands, each with what it does.
COMMANDS = {
    "train": "train a model on a task, or a sweep of them, or resume either",
    "evaluate": "test a finished run again, beyond the lengths of training too",
    "report": "tables, figures and a page of any set of runs",
    "replay": "an animation and a page of one sequence, step by step",
    "search": "search settings with Optuna",
    "study": "a table or a figure from nothing: tune, run, evaluate, report",
    "publish": "copy a finished run without its logs and optimiser state",
    "benchmark": "measure speed and memory of training",
}
USAGE = "\n".join(
    [
        "usage: dms-ntm <command> [<argument> ...]",
        "",
        *(f"  {name:10} {text}" for name, text in COMMANDS.items()),
        "",
        "dms-ntm <command> --help lists the arguments of a command.",
    ]
)


def main() -> None:
    """Run the command that the first argument names."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(USAGE)
    elif name == "--version":
        print(f"dms-ntm {__version__}")
    elif name in COMMANDS:
        sys.argv = [f"dms-ntm {name}", *arguments]
        if os.getcwd() not in sys.path:  # as with `python -m`: models and tasks of the user's own
            sys.path.insert(0, os.getcwd())
        runpy.run_module(f"{PACKAGE}.{name}", run_name="__main__", alter_sys=True)
    else:
        known = ", ".join(COMMANDS)
        print(
            f"error: {name}: unknown command; must be one of {known}{did_you_mean(name, COMMANDS)}",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
