"""Denormal numbers are flushed to zero within a kernel: the processor is a hundred times slower on them.

The weighting of a trained head is denormal on most slots.
"""

import platform

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

#: Bits of the control register of SSE and AVX (MXCSR) that treat denormal operands and results as zero.
DENORMALS_ARE_ZERO = 0x8040
X86 = platform.machine().lower() in ("x86_64", "amd64")


def flush() -> int:
    """Treat denormal numbers as zero from now on; returns the argument for `restore`. No effect except on x86."""
    return 0


def restore(before: int) -> None:
    """Undo `flush`."""


def _call(builder, name, pointer):
    """Call an instruction that takes the address of a control word."""
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    builder.call(function, [builder.bitcast(pointer, ir.IntType(8).as_pointer())])


@intrinsic
def _flush(_):
    def codegen(context, builder, signature, args):
        word = builder.alloca(ir.IntType(32))
        _call(builder, "llvm.x86.sse.stmxcsr", word)
        before = builder.load(word)
        builder.store(builder.or_(before, ir.Constant(ir.IntType(32), DENORMALS_ARE_ZERO)), word)
        _call(builder, "llvm.x86.sse.ldmxcsr", word)
        return before

    return types.int32(), codegen


@intrinsic
def _restore(_, before):
    def codegen(context, builder, signature, args):
        word = builder.alloca(ir.IntType(32))
        builder.store(args[0], word)
        _call(builder, "llvm.x86.sse.ldmxcsr", word)
        return context.get_dummy_value()

    return types.void(types.int32), codegen


@overload(flush)
def _():
    return (lambda: _flush()) if X86 else (lambda: types.int32(0))


@overload(restore)
def _(before):
    return (lambda before: _restore(before)) if X86 else (lambda before: None)
