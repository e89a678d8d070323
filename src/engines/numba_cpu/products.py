"""Matrix products of a few rows with weights, accumulated in vector registers.

Each row is a sequence of the batch; the weights stay in the L1 cache. Written as vector instructions because LLVM
does not vectorise the loops this way when the arrays may overlap.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from .plan import LANES
from .routine import routine


def _block(rows: int, vectors: int):
    """A function out[i:i+rows, j:j+vectors*LANES] += a[i:i+rows] @ w[:, j:j+vectors*LANES]."""

    def in_python(out, a, start, w, i, j):
        columns = slice(j, j + vectors * LANES)
        out[i : i + rows, columns] += a[i : i + rows, start : start + len(w)] @ w[:, columns]

    @intrinsic
    def in_registers(_, out, a, start, w, i, j):
        def codegen(context, builder, signature, args):
            number = context.get_value_type(out.dtype)
            bytes_each = context.get_abi_sizeof(number)
            vector = ir.VectorType(number, LANES)
            arrays = [
                context.make_array(t)(context, builder, v) for t, v in ((out, args[0]), (a, args[1]), (w, args[3]))
            ]
            strides = [cgutils.unpack_tuple(builder, array.strides, 2)[0] for array in arrays]
            step = cgutils.unpack_tuple(builder, arrays[1].strides, 2)[1]
            steps = cgutils.unpack_tuple(builder, arrays[2].shape, 2)[0]
            begin = [builder.ptrtoint(array.data, ir.IntType(64)) for array in arrays]
            size = ir.Constant(ir.IntType(64), bytes_each)
            mul, add = builder.mul, builder.add

            def at(address, offset, kind):
                return builder.inttoptr(add(address, offset), ir.PointerType(kind))

            def constant(value):
                return ir.Constant(ir.IntType(64), value)

            def load(address, offset):
                return builder.load(at(address, offset, vector), align=bytes_each)

            column = mul(args[5], size)
            out_rows = [
                add(add(begin[0], mul(add(args[4], constant(r)), strides[0])), column) for r in range(rows)
            ]
            a_rows = [
                add(add(begin[1], mul(args[2], step)), mul(add(args[4], constant(r)), strides[1]))
                for r in range(rows)
            ]
            w_column = add(begin[2], column)

            sums = [[cgutils.alloca_once(builder, vector) for _ in range(vectors)] for _ in range(rows)]
            for r in range(rows):
                for v in range(vectors):
                    builder.store(load(out_rows[r], constant(v * LANES * bytes_each)), sums[r][v])
            undefined = ir.Constant(vector, ir.Undefined)
            first = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            with cgutils.for_range(builder, steps) as loop:
                k = builder.zext(loop.index, ir.IntType(64)) if loop.index.type.width < 64 else loop.index
                w_row = add(w_column, mul(k, strides[2]))
                weights = [load(w_row, constant(v * LANES * bytes_each)) for v in range(vectors)]
                for r in range(rows):
                    scalar = builder.load(at(a_rows[r], mul(k, step), number))
                    spread = builder.shuffle_vector(
                        builder.insert_element(undefined, scalar, ir.Constant(ir.IntType(32), 0)), undefined, first
                    )
                    for v in range(vectors):
                        product = builder.fmul(spread, weights[v], flags=("contract",))
                        total = builder.fadd(builder.load(sums[r][v]), product, flags=("contract",))
                        builder.store(total, sums[r][v])
            for r in range(rows):
                for v in range(vectors):
                    target = at(out_rows[r], constant(v * LANES * bytes_each), vector)
                    builder.store(builder.load(sums[r][v]), target, align=bytes_each)
            return context.get_dummy_value()

        return types.void(out, a, start, w, i, j), codegen

    @overload(in_python)
    def _(out, a, start, w, i, j):
        return lambda out, a, start, w, i, j: in_registers(out, a, start, w, i, j)

    return in_python


_block_4_4 = _block(4, 4)
_block_4_1 = _block(4, 1)
_block_1_8 = _block(1, 8)
_block_1_1 = _block(1, 1)


@routine
def accumulate(out, a, start, w):
    """out[b, G] += a[b, start : start + K] @ w[K, G]; G is a multiple of LANES; rows are contiguous."""
    rows, columns = out.shape
    whole = rows - rows % 4
    j = 0
    while whole > 0 and j < columns:
        if j + 4 * LANES <= columns:
            for i in range(0, whole, 4):
                _block_4_4(out, a, start, w, i, j)
            j += 4 * LANES
        else:
            for i in range(0, whole, 4):
                _block_4_1(out, a, start, w, i, j)
            j += LANES
    j = 0
    while whole < rows and j < columns:
        if j + 8 * LANES <= columns:
            for i in range(whole, rows):
                _block_1_8(out, a, start, w, i, j)
            j += 8 * LANES
        else:
            for i in range(whole, rows):
                _block_1_1(out, a, start, w, i, j)
            j += LANES
