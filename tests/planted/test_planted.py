"""The planted faults as files: that a test notices each is shown by `make planted`, which takes minutes."""

import subprocess

import pytest

from tests.planted.__main__ import ROOT, faults, read

FAULTS = list(faults())


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.patch.stem for fault in FAULTS])
def test_a_fault_applies_and_its_tests_are_there(fault):
    """A patch that no longer fits the code would plant nothing."""
    checked = subprocess.run(
        ["git", "apply", "--check", str(fault.patch)], cwd=ROOT, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    for test in fault.tests:
        assert (ROOT / test.split("::")[0]).exists()


def test_there_are_enough_and_one_for_each_package():
    assert len(FAULTS) >= 25
    packages = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()} - {"__pycache__"}
    touched = {
        line.split("/")[2]
        for fault in FAULTS
        for line in fault.patch.read_text(encoding="utf-8").splitlines()
        if line.startswith("--- a/src/")
    }
    assert packages <= touched


def test_a_patch_without_a_header_is_an_error(tmp_path):
    patch = tmp_path / "bare.patch"
    patch.write_text("--- a/src/x.py\n+++ b/src/x.py\n")
    with pytest.raises(ValueError, match="must begin with the lines"):
        read(patch)
