"""Provenance of a result: revision of the code and versions of the packages."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence

from .. import __version__
from ..common.paths import CHECKOUT

#: Environment variable with the revision of the code, for copies without the git history.
REVISION = "DMS_NTM_LAB_REVISION"


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result may depend on."""
    packages = ("torch", "lightning", "hydra-core", "omegaconf", "numpy", "numba", "mnist1d")
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in packages}


def git_revision() -> str | None:
    """The commit of the code, with "+changes" where files differ from it, or the version that is installed.

    None in a checkout without the git history.
    """
    if os.environ.get(REVISION):
        return os.environ[REVISION]
    if CHECKOUT is None:
        return f"dms-ntm {__version__}"
    try:
        revision, changes = (
            subprocess.run(
                ["git", *arguments],
                cwd=CHECKOUT,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=True,
            ).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision + ("+changes" if changes else "")


def joined(revisions: Sequence[str | None]) -> str | None:
    """The revisions of the code that a run was made with, as one text.

    >>> joined(["a1b2"]), joined(["a1b2", "c3d4+changes"])
    ('a1b2', 'a1b2, resumed with c3d4+changes')
    """
    return revisions[0] if len(revisions) == 1 else ", resumed with ".join(map(str, revisions))
