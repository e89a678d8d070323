"""In a checkout `dms_ntm` is another name of `src`, so that code for the installed package works there, too.

Without this, `dms_ntm.Task` of an installation would be another class than `src.tasks.base.Task`.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

INSTALLED = "dms_ntm"


class SameModules:
    """Finder and loader of `dms_ntm.<name>` as the module `<package>.<name>`."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        # No subclass of importlib.abc.Loader, whose import brings a hundred modules.
        return ModuleSpec(name, self) if name.startswith(f"{INSTALLED}.") else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one, which `exec_module` replaces."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        # The import system takes what stands here after this call.
        sys.modules[name] = importlib.import_module(self.package + name.removeprefix(INSTALLED))


def under_both_names(package: str) -> None:
    """Give the package the name `dms_ntm`, too, unless it has it or that is imported already."""
    if INSTALLED not in sys.modules:
        sys.modules[INSTALLED] = sys.modules[package]
        sys.meta_path.insert(0, SameModules(package))
