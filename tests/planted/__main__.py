"""Apply each planted fault to a scratch copy of the project and show that its tests fail: `make planted`.

A patch begins with two lines, `Fault:` what is wrong, and `Tests:` files or tests that must notice it. They must
pass without the fault, which is checked first.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: Exit codes of pytest: all passed, some failed. Any other is a fault of the patch, not of the code.
PASSED, FAILED = 0, 1


class Fault(NamedTuple):
    """One planted fault."""

    patch: Path
    wrong: str  # what is wrong
    tests: list[str]


def read(patch: Path) -> Fault:
    """A patch with its header.

    Raises:
        ValueError: a header that lacks a line.
    """
    header = dict(
        line.split(": ", 1) for line in patch.read_text(encoding="utf-8").splitlines()[:2] if ": " in line
    )
    if set(header) != {"Fault", "Tests"}:
        raise ValueError(f"{patch.name}: must begin with the lines 'Fault: ...' and 'Tests: ...'")
    return Fault(patch, header["Fault"], header["Tests"].split())


def faults(names: Sequence[str] = ()) -> Iterator[Fault]:
    """The planted faults of these names; all without one."""
    for patch in sorted(HERE.glob("*.patch")):
        if not names or patch.stem in names:
            yield read(patch)


def copy_to(folder: Path) -> None:
    """Copy the files that git knows of, as they are now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)


def pytest(folder: Path, tests: Sequence[str]) -> tuple[int, str]:
    """The exit code of pytest on these tests in a copy, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def apply(folder: Path, patch: Path, *options: str) -> None:
    """Apply a patch to a copy, or take it back with "--reverse"."""
    subprocess.run(["git", "apply", *options, str(patch)], cwd=folder, check=True)


def main(names: Sequence[str]) -> int:
    """Plant each fault in turn; returns the number of those that no test noticed."""
    planted = list(faults(names))
    if not planted:
        print(f"no fault of the name {', '.join(names)}: {', '.join(one.patch.stem for one in faults())}")
        return 1
    missed = 0
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        folder = Path(scratch)
        copy_to(folder)
        code, printed = pytest(folder, sorted({test for fault in planted for test in fault.tests}))
        if code != PASSED:
            print(f"{printed}\nthe tests fail without a fault; nothing is shown by them")
            return 1
        for fault in planted:
            started = time.monotonic()
            apply(folder, fault.patch)
            code, printed = pytest(folder, fault.tests)
            apply(folder, fault.patch, "--reverse")
            failed = [line for line in printed.splitlines() if line.startswith(("FAILED ", "ERROR "))]
            noticed = code == FAILED and failed
            missed += not noticed
            result = failed[0].split(" - ")[0] if noticed else f"NOT NOTICED (exit code {code})"
            print(
                f"{fault.patch.stem}: {fault.wrong}\n    {result}  ({time.monotonic() - started:.0f} s)",
                flush=True,
            )
    print(f"\n{len(planted) - missed} of {len(planted)} planted faults were noticed")
    return missed


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
