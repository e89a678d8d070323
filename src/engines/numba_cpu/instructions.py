"""Python functions that are instructions in compiled code.

Numba's `overload` would compile a function for each of them, and for each of its types: half a second for ten.
"""

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core.typing.templates import AbstractTemplate, Signature, infer_global
from numba.extending import lower_builtin

#: (context, builder, signature, LLVM values of the arguments) -> LLVM value of the result.
Codegen = Callable[[Any, Any, Signature, Any], Any]
#: Numba types of arguments -> signature, to whose types they are converted, and code; None for other types.
Maker = Callable[..., tuple[Signature, Codegen] | None]


def instruction(function: Callable[..., Any], *kinds: Any) -> Callable[[Maker], Maker]:
    """Decorator of a `Maker`: compiled code has its instructions where `function` is called.

    Python calls the function itself, so that the kernels can be interpreted.

    Args:
        function: may be an operator, to which instructions for further types are added.
        kinds: numba types of the arguments, or classes of them.
    """

    def register(make: Maker) -> Maker:
        class _Typing(AbstractTemplate):
            key = function

            def generic(self, args, kws):  # type: ignore[no-untyped-def]
                made = make(*args)
                return None if made is None else made[0]

        infer_global(function, types.Function(_Typing))

        @lower_builtin(function, *kinds)
        def _(context, builder, signature, args):  # type: ignore[no-untyped-def]
            made = make(*signature.args)
            assert made is not None
            return made[1](context, builder, signature, args)

        return make

    return register
