"""The command line, in Hydra's syntax; a user's mistake is reported in one line, before any folder is made."""

import logging
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import hydra
from hydra._internal.utils import _run_hydra, get_args_parser
from omegaconf import DictConfig

from ..common import checks
from ..common.paths import CONF, command, module
from . import hydra_job, keys
from .errors import ConfigError
from .folders import check_writable
from .jobs import composed, composed_sweep
from .overrides import parsed, quoted, searched, with_keys_of_the_task, with_paths_as_texts

__all__ = ["Line", "argument", "ask", "check_writable", "composed", "composed_sweep", "failures", "parsed"]
__all__ += ["quoted", "read", "refusals", "run"]
log = logging.getLogger(__name__)
#: Flags of Hydra that would bypass the checks, or have no effect here.
REFUSED_FLAGS = ("config_path", "config_name", "experimental_rerun", "shell_completion")


class Line(NamedTuple):
    """A parsed command line."""

    overrides: list[str]
    multirun: bool
    asks: list[str]  # flags that ask for help or for the configuration; with one of them nothing is run

    @property
    def asks_only(self) -> bool:
        """Whether nothing is to be run."""
        return bool(self.asks)


@contextmanager
def refusals() -> Iterator[None]:
    """Context in which a ConfigError or an OSError ends the command with one line and exit code 2."""
    try:
        yield
    except (ConfigError, OSError) as error:
        end_with(error, 2)


def read() -> Line:
    """The command line of this process.

    Raises:
        ConfigError: an unknown flag, or flags that exclude each other.
    """

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message}; --help and --hydra-help list the options")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args()
    for one in flags.overrides:
        try:  # under LC_ALL=C, UTF-8 arrives as undecoded bytes, which is valid
            os.fsencode(one).decode("utf-8")
        except UnicodeError:
            raise ConfigError(f"{one!r}: must be text in UTF-8") from None
    for name in REFUSED_FLAGS:
        if getattr(flags, name):
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(
                f"{flag}: cannot be used here; must be left out (--config-dir adds choices to conf/)"
            )
    helped = flags.help or flags.hydra_help
    modes = [f"--{name}" for name in ("run", "multirun", "cfg", "info") if getattr(flags, name)]
    if len(modes) > 1 and not helped:
        raise ConfigError(f"{', '.join(modes)}: must be one of them")
    if (flags.resolve or flags.package is not None) and not flags.cfg and not helped:
        raise ConfigError(f"{'--resolve' if flags.resolve else '--package'}: must be given with --cfg")
    asks = [f"--{name.replace('_', '-')}" for name in ("help", "hydra_help", "resolve") if getattr(flags, name)]
    asks += [f"--{name}={getattr(flags, name)}" for name in ("cfg", "package", "info") if getattr(flags, name)]
    overrides = flags.overrides if flags.config_dir is None else searched(flags.overrides, flags.config_dir)
    return Line(with_paths_as_texts(overrides), flags.multirun, asks)


def ask(config_name: str, line: Line) -> None:
    """Let Hydra answer a command line that only asks, for help or for the configuration."""

    def main(_: DictConfig) -> None: ...

    main.__module__ = module(config_name)  # Hydra names the job after the module
    words = ["--multirun"] * line.multirun + line.asks + with_keys_of_the_task(config_name, line.overrides)
    hydra.version.setbase("1.3")
    parser = get_args_parser()
    _run_hydra(parser.parse_intermixed_args(words), parser, main, CONF, config_name)


def run(config_name: str, main: Callable[[dict[str, Any]], Any], refuse: Callable[[dict[str, Any]], None]) -> None:
    """Run a command, or refuse a bad command line with one message and exit code 2.

    Args:
        config_name: primary config of the command.
        main: runs the command with a resolved configuration; its expected errors give exit code 1, see `failures`.
        refuse: raises a ConfigError for a configuration that cannot be run.
    """
    with refusals():
        line = read()
        if line.multirun:
            raise ConfigError(f"-m: is for {command('train')} alone; must be left out of {command(config_name)}")
        (job,) = composed(config_name, line.overrides)
        if not line.asks_only:
            refuse(keys.resolve(job.config))
    if line.asks_only:
        return ask(config_name, line)
    with failures():
        hydra_job.call(job, lambda cfg: main(keys.resolve(cfg)))
    return None


@contextmanager
def failures() -> Iterator[None]:
    """Context of work that has begun: an expected error ends the command with one line and exit code 1.

    A Refusal comes from a task whose settings do not allow a test cell, which only the task itself can tell; an
    OSError from the machine, such as a full disk.
    """
    try:
        yield
    except (ConfigError, checks.Refusal, OSError) as error:
        end_with(error, 1)


def end_with(error: Exception, code: int) -> NoReturn:
    """End the command with an exit code, and an error in one line; its trace is logged at the level debug."""
    log.debug("The error:", exc_info=error)
    text = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename!r}: {error.strerror}"
    print(f"error: {' '.join(text.splitlines())}", file=sys.stderr)
    sys.exit(code)


def argument(key: str, path: Path) -> str:
    """The argument key=path, quoted so that it can be pasted into a shell."""
    plain = re.fullmatch(r"[\w./+-]+", str(path))
    return f"{key}={path}" if plain else shlex.quote(f"{key}={quoted(path)}")
