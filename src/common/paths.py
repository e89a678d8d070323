"""Where the package is: in a checkout as `src`, beside conf/; or installed as `dms_ntm`, with conf/ inside."""

import os
from pathlib import Path

#: The name under which the package was imported: src or dms_ntm.
PACKAGE = __name__.split(".")[0]
_FOLDER = Path(__file__).resolve().parents[1]
_INSTALLED = (_FOLDER / "conf").is_dir()
#: The root folder of the checkout; None where the package is installed.
CHECKOUT = None if _INSTALLED else _FOLDER.parent
#: The configuration folder, as a string for Hydra.
CONF = str((CHECKOUT or _FOLDER) / "conf")
#: Folder for files that can be made anew, such as compiled kernels.
CACHE = (
    CHECKOUT / "outputs" / "cache"
    if CHECKOUT
    else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dms-ntm"
)


def program(name: str) -> str:
    """A command as the user types it.

    >>> program("train")
    'python -m src.train'
    """
    return f"python -m src.{name}" if PACKAGE == "src" else f"dms-ntm {name}"


def command(name: str) -> str:
    """A command as messages name it.

    >>> command("train")
    'src.train'
    """
    return program(name).removeprefix("python -m ")


def module(name: str) -> str:
    """The full name of a module of the package, for `python -m`.

    >>> module("launch.ray_worker")
    'src.launch.ray_worker'
    """
    return f"{PACKAGE}.{name}"


def extra(name: str) -> str:
    """How an optional dependency is installed.

    >>> extra("search")
    'make search'
    """
    return f"make {name}" if CHECKOUT else f"pip install 'dms-ntm[{name}]'"
