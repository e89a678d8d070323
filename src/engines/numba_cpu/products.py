"""Matrix products of a few rows with weights, accumulated in vector registers.

Each row is a sequence of the batch; the weights stay in the L1 cache. Written as vector instructions because LLVM
does not vectorise the loops this way when the arrays may overlap.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils

from .instructions import instruction
from .lanes import spread_out, vector_at
from .plan import LANES
from .routine import routine
from .views import View, address_and_sizes


def _block(rows: int, vectors: int):
    """A function out[i:i+rows, j:j+vectors*LANES] += a[i:i+rows] @ w[:, j:j+vectors*LANES]."""

    def in_python(out, a, start, w, i, j):
        columns = slice(j, j + vectors * LANES)
        out[i : i + rows, columns] += a[i : i + rows, start : start + len(w)] @ w[:, columns]

    @instruction(in_python, View, View, types.Integer, View, types.Integer, types.Integer)
    def _(out, a, start, w, i, j):
        if out.flipped or w.flipped:
            return None
        size = out.dtype.bitwidth // 8

        def codegen(context, builder, signature, args):
            def number(value):
                return ir.Constant(ir.IntType(64), value)

            _, _, before, _, row, column = args
            out_data, (_, out_width) = address_and_sizes(context, builder, out, args[0])
            a_data, (_, a_width) = address_and_sizes(context, builder, a, args[1])
            w_data, (steps, w_width) = address_and_sizes(context, builder, w, args[3])
            across, along = (number(1), a_width) if a.flipped else (a_width, number(1))
            add, mul = builder.add, builder.mul
            row_numbers = [add(row, number(r)) for r in range(rows)]
            columns = [add(column, number(v * LANES)) for v in range(vectors)]
            places = [
                [vector_at(builder, out_data, add(mul(r, out_width), c)) for c in columns] for r in row_numbers
            ]
            a_rows = [builder.gep(a_data, [add(mul(r, across), mul(before, along))]) for r in row_numbers]
            sums = [[cgutils.alloca_once_value(builder, builder.load(p, align=size)) for p in ps] for ps in places]
            with cgutils.for_range(builder, steps) as loop:
                k = loop.index
                w_row = builder.gep(w_data, [mul(k, w_width)])
                weights = [builder.load(vector_at(builder, w_row, c), align=size) for c in columns]
                for a_row, of_row in zip(a_rows, sums, strict=True):
                    factor = spread_out(builder, builder.load(builder.gep(a_row, [mul(k, along)])))
                    for total, weight in zip(of_row, weights, strict=True):
                        product = builder.fmul(factor, weight, flags=("contract",))
                        builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
            for of_row, ps in zip(sums, places, strict=True):
                for total, place in zip(of_row, ps, strict=True):
                    builder.store(builder.load(total), place, align=size)
            return context.get_dummy_value()

        return types.void(out, a, types.intp, w, types.intp, types.intp), codegen

    return in_python


_block_4_4 = _block(4, 4)
_block_4_3 = _block(4, 3)
_block_4_1 = _block(4, 1)
_block_1_8 = _block(1, 8)
_block_1_1 = _block(1, 1)


@routine
def accumulate(out, a, start, w):
    """out[b, G] += a[b, start : start + K] @ w[K, G]; G is a multiple of LANES; a may be `flipped`."""
    rows, columns = out.shape
    whole = rows - rows % 4
    # One vector of four rows has too few sums to keep the processor busy: from six on, all are fours and threes.
    vectors = columns // LANES
    threes = -vectors % 4 if vectors > 5 or vectors == 3 else 0
    fours = (vectors - 3 * threes) // 4
    j = 0
    while whole > 0 and j < columns:
        if j < 4 * fours * LANES:
            for i in range(0, whole, 4):
                _block_4_4(out, a, start, w, i, j)
            j += 4 * LANES
        elif j < (4 * fours + 3 * threes) * LANES:
            for i in range(0, whole, 4):
                _block_4_3(out, a, start, w, i, j)
            j += 3 * LANES
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
