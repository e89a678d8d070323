"""Objects made by the `_target_` of a node of the configuration."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import lightning
from hydra.utils import get_object

from ..common import checks
from ..common.paths import PACKAGE
from .errors import ConfigError

IMPORTABLE = "must be a class or function that can be imported"
#: Keys of a configuration node that are not arguments of the target.
NOT_ARGUMENTS = ("_target_", "name", "recipe")
#: Sections that must name a class: run folders are loaded by them, and one from a stranger may name any function.
CLASSES_ALONE = ("model", "task")
#: Names of this package: in a checkout, and where it is installed.
NAMES = ("src", "dms_ntm")
#: What constructors of other packages raise for invalid values.
ERRORS_OF_OTHERS = (
    TypeError,
    ValueError,
    IndexError,
    ImportError,
    RuntimeError,
    lightning.fabric.utilities.exceptions.MisconfigurationException,
)


def construct(section: str, node: Mapping[str, Any], kind: type, **given: Any) -> Any:
    """Call the `_target_` of a configuration node with the other keys as arguments.

    Args:
        section: path of the node, for messages: "model", "task", ...
        node: the target and its arguments; the keys in NOT_ARGUMENTS are not passed.
        kind: class that the result must have.
        given: further arguments, which the node may not set.

    Raises:
        ConfigError: an unknown target or key, or a value that the target refuses.
    """
    target = locate(section, node)
    fits = issubclass(target, kind) if inspect.isclass(target) else section not in CLASSES_ALONE
    if not fits:
        raise ConfigError(f"{section}._target_={node['_target_']!r}: must give a {kind.__name__}")
    arguments = {key: value for key, value in node.items() if key not in NOT_ARGUMENTS}
    allowed = arguments_of(target) - set(given)
    for key, value in arguments.items():
        if key not in allowed:
            raise ConfigError(
                f"{section}.{key}={value!r}: unknown key; must be one of {', '.join(sorted(allowed))}"
                + checks.did_you_mean(key, allowed)
            )
    if lacking := [name for name in required_arguments_of(target) if name not in {*arguments, *given}]:
        needs = ", ".join(f"{section}.{name}" for name in lacking)
        raise ConfigError(f"{section}: {_name(target)} refuses {arguments}: it needs {needs}")
    try:
        made = target(**arguments, **given)
    except checks.Refusal as refusal:
        raise ConfigError(f"{section}.{refusal}") from refusal
    except ERRORS_OF_OTHERS as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{section}: {_name(target)} refuses {arguments}: {reason}") from error
    if not isinstance(made, kind):
        raise ConfigError(f"{section}._target_={node['_target_']!r}: must give a {kind.__name__}")
    return made


def locate(section: str, node: Mapping[str, Any]) -> Callable[..., Any]:
    """The class or function that the `_target_` of a configuration node names."""
    if not isinstance(node, Mapping):
        raise ConfigError(f"{section}={node!r}: must be a section of keys, as in conf/")
    name = node.get("_target_")
    try:
        target = _object(str(name))
        if callable(target) and inspect.signature(target):
            return target
    except Exception as error:
        raise ConfigError(f"{section}._target_={name!r}: {IMPORTABLE}") from error
    raise ConfigError(f"{section}._target_={name!r}: {IMPORTABLE}")


def _object(name: str) -> Any:
    """What a name names; `src.` and `dms_ntm.` are both this package, so that run folders load in a checkout and
    where it is installed. There, names that it lacks are those of another `src`, such as the user's own.
    """
    top, _, rest = name.partition(".")
    if top in NAMES and top != PACKAGE:
        try:
            return get_object(f"{PACKAGE}.{rest}")
        except ImportError:
            pass
    return get_object(name)


def arguments_of(target: Callable[..., Any]) -> set[str]:
    """The names of the arguments of a class or function that can be given by keyword."""
    return {
        name
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def required_arguments_of(target: Callable[..., Any]) -> list[str]:
    """The names of the arguments without a default that can be given by keyword, in order."""
    parameters, named = inspect.signature(target).parameters, arguments_of(target)
    return [name for name, one in parameters.items() if name in named and one.default is one.empty]


def check_entries(section: str, nodes: Mapping[str, Any]) -> None:
    """Refuse an entry of a section without a `_target_`, as +callbacks.picture.every=3 makes it."""
    known = [name for name, node in nodes.items() if not isinstance(node, Mapping) or "_target_" in node]
    for name in nodes:
        if name not in known:
            raise ConfigError(
                f"{section}.{name}: has no _target_; must be one of {', '.join(known)}, or have one"
                + checks.did_you_mean(name, known)
            )


def _name(target: Callable[..., Any]) -> str:
    return getattr(target, "__name__", str(target))
