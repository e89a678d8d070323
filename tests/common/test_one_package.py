"""In a checkout `dms_ntm` and `src` are one package."""

import subprocess
import sys

import src
from src.cells.ntm import NTM
from src.common import one_package


def test_both_names_give_the_same_modules_and_classes():
    import dms_ntm
    import dms_ntm.memory.addressing
    from dms_ntm.cells import ntm

    assert dms_ntm is src
    assert ntm.NTM is NTM is dms_ntm.NTM
    assert dms_ntm.memory.addressing is sys.modules["src.memory.addressing"]


def test_an_unknown_module_is_an_import_error():
    done = subprocess.run(
        [sys.executable, "-c", "import src, dms_ntm.nothing"], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'src.nothing'"


def test_a_package_that_was_imported_before_is_left(monkeypatch):
    other = object()
    monkeypatch.setitem(sys.modules, "dms_ntm", other)
    before = list(sys.meta_path)
    one_package.under_both_names("src")
    assert (sys.modules["dms_ntm"], sys.meta_path) == (other, before)
