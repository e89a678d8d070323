"""Weights in the form that the kernels take: those of a controller's gates as one matrix."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ...cells.base import Cell
from ...cells.counter_lstm import CounterLSTM
from ...cells.feedforward import Feedforward
from ...cells.gru import GRU
from ...cells.layered import Layered
from ...cells.lstm import LSTM
from . import plan
from .plan import padded

ALL = slice(None)


class Block(NamedTuple):
    """A part of a parameter, and its place in the joint matrix."""

    parameter: int  # its index
    rows: slice  # of the joint matrix
    columns: slice | int  # of the joint matrix; an integer for a vector of biases
    own: tuple[slice, ...] = (ALL,)  # the part of the parameter
    adds: bool = False  # to a block before it at the same place


class Joint(NamedTuple):
    """The weights of all gates of a controller as one matrix with the columns [h, reads, inputs, 1].

    h is the hidden state (absent in a feedforward controller); the last column has the biases. There are C rows
    for each gate, in the order of `controllers.py`.
    """

    rows: int  # G without padding
    columns: int  # U
    shapes: dict[str, tuple[int, ...]]  # of the parameters
    blocks: tuple[Block, ...]

    def matrix(self, parameters: Sequence[Tensor]) -> Float[np.ndarray, "G_padded U_padded"]:
        """The matrix, padded with zeros."""
        own = [parameter.detach().numpy() for parameter in parameters]
        joint = np.zeros((padded(self.rows), padded(self.columns)), own[0].dtype)
        for block in self.blocks:
            if block.adds:
                joint[block.rows, block.columns] += own[block.parameter][block.own]
            else:
                joint[block.rows, block.columns] = own[block.parameter][block.own]
        return joint

    def gradients(self, transposed: Float[np.ndarray, "U G_padded"]) -> list[Tensor]:
        """The gradients of the parameters, from that of the matrix, which is given transposed."""
        found = [np.empty(shape, transposed.dtype) for shape in self.shapes.values()]
        for block in self.blocks:
            found[block.parameter][block.own] = transposed[block.columns, block.rows].T
        return [torch.from_numpy(one) for one in found]


def _no_more(_: Any) -> tuple[Any, ...]:
    return ()


def _inputs_alone(_: Cell, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
    return x


class ControllerKind(NamedTuple):
    """A kind of controller."""

    #: LSTM, GRU or FEEDFORWARD of `plan`.
    number: int
    #: Whether the layers of a controller are of the supported form, which `joint` describes completely.
    is_plain: Callable[[Any], bool]
    #: The parameters of a controller, in the order of `joint`.
    parameters: Callable[[Any], list[Tensor]]
    #: (C, numbers that are read, features that `inputs` gives, *options) -> how the parameters form one matrix.
    joint: Callable[..., Joint]
    #: Options of a controller that `joint` depends on.
    options: Callable[[Any], tuple[Any, ...]] = _no_more
    #: (controller, x) -> what the gates see of the inputs of a sequence; `joint` has a column for each feature.
    inputs: Callable[[Any, Float[Tensor, "B T F"]], Float[Tensor, "B T seen"]] = _inputs_alone


def _spans(*sizes: int) -> list[slice]:
    """Slices of these sizes, one behind the other."""
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]


def _layered(cell: Layered) -> list[Tensor]:
    return list(cell.layers.all_weights[0])


def _layered_shapes(rows: int, size: int, seen: int) -> dict[str, tuple[int, ...]]:
    return {"weight_ih": (rows, seen), "weight_hh": (rows, size), "bias_ih": (rows,), "bias_hh": (rows,)}


@lru_cache
def _lstm(size: int, reads: int, inputs: int) -> Joint:
    (gates,), (h, read, given, _) = _spans(4 * size), _spans(size, reads, inputs, 1)
    own, own_reads = _spans(inputs, reads)
    blocks = (
        Block(0, gates, given, (ALL, own)),
        Block(0, gates, read, (ALL, own_reads)),
        Block(1, gates, h),
        Block(2, gates, given.stop),
        Block(3, gates, given.stop, adds=True),
    )
    return Joint(4 * size, given.stop + 1, _layered_shapes(4 * size, size, inputs + reads), blocks)


@lru_cache
def _gru(size: int, reads: int, inputs: int) -> Joint:
    # Four gates: the candidates of input and state are separate, since the reset gate scales the latter alone.
    gates, of_input, of_state = _spans(2 * size, size, size)
    from_input, (h, read, given, _) = slice(of_input.stop), _spans(size, reads, inputs, 1)
    own, own_reads = _spans(inputs, reads)
    first, new = _spans(2 * size, size)
    blocks = (
        Block(0, from_input, given, (ALL, own)),
        Block(0, from_input, read, (ALL, own_reads)),
        Block(1, gates, h, (first,)),
        Block(1, of_state, h, (new,)),
        Block(2, from_input, given.stop),
        Block(3, gates, given.stop, (first,), adds=True),
        Block(3, of_state, given.stop, (new,)),
    )
    return Joint(4 * size, given.stop + 1, _layered_shapes(3 * size, size, inputs + reads), blocks)


def _layer(cell: Feedforward) -> list[Tensor]:
    return [cell.layer.weight, cell.layer.bias]


@lru_cache
def _feedforward(size: int, reads: int, inputs: int) -> Joint:
    (rows,), (read, given, _) = _spans(size), _spans(reads, inputs, 1)
    own, own_reads = _spans(inputs, reads)
    blocks = (
        Block(0, rows, given, (ALL, own)),
        Block(0, rows, read, (ALL, own_reads)),
        Block(1, rows, given.stop),
    )
    return Joint(size, given.stop + 1, {"weight": (size, inputs + reads), "bias": (size,)}, blocks)


def _counting(cell: CounterLSTM) -> list[Tensor]:
    alone = [] if cell.weight_numbers is None else [cell.weight_numbers]
    return [cell.weight_ih, cell.weight_hh, cell.bias, *alone]


def _counter_options(cell: CounterLSTM) -> tuple[Any, ...]:
    return cell.counters, cell.fed_back, len(cell.added)


@lru_cache
def _counter_lstm(size: int, reads: int, inputs: int, counters: int, fed_back: int, numbers: int) -> Joint:
    # Counters have no forget gates: their rows hold what they add of the numbers, which are the last inputs.
    before, instead, after = _spans(2 * size - counters, counters, 2 * size)
    _, read, given, alone, _ = _spans(size, reads, inputs - numbers, numbers, 1)
    first, rest = _spans(2 * size - counters, 2 * size)
    own, own_reads = _spans(inputs - numbers, reads)
    pairs = (before, first), (after, rest)
    blocks = [Block(0, rows, given, (part, own)) for rows, part in pairs]
    blocks += [Block(0, rows, read, (part, own_reads)) for rows, part in pairs]
    blocks += [Block(1, rows, slice(fed_back), (part,)) for rows, part in pairs]
    blocks += [Block(2, rows, alone.stop, (part,)) for rows, part in pairs]
    gates = 4 * size - counters
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (gates, inputs - numbers + reads), "weight_hh": (gates, fed_back), "bias": (gates,)
    }  # fmt: skip
    if counters and numbers:
        shapes["weight_numbers"] = counters, numbers
        blocks.append(Block(3, instead, alone))
    return Joint(4 * size, alone.stop + 1, shapes, tuple(blocks))


def _counter_inputs(cell: CounterLSTM, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T seen"]:
    if cell.number_input != "hidden":
        return torch.cat([cell.seen(x), cell.counted(x)], 2)
    return x[..., [i for i in (*cell.others, *cell.numbers) if i < x.shape[2]]]  # the others may be reads


def _plain_layers(cell: Layered) -> bool:
    layers = cell.layers
    kind = type(layers) in (nn.LSTM, nn.GRU)
    one = layers.num_layers == 1 and not layers.bidirectional and not layers.proj_size
    return kind and one and layers.bias


def _plain_layer(cell: Feedforward) -> bool:
    return type(cell.layer) is nn.Linear and cell.layer.bias is not None


CONTROLLER_KINDS: dict[type[Cell], ControllerKind] = {
    LSTM: ControllerKind(plan.LSTM, _plain_layers, _layered, _lstm),
    GRU: ControllerKind(plan.GRU, _plain_layers, _layered, _gru),
    Feedforward: ControllerKind(plan.FEEDFORWARD, _plain_layer, _layer, _feedforward),
    CounterLSTM: ControllerKind(
        plan.LSTM, lambda _: True, _counting, _counter_lstm, _counter_options, _counter_inputs
    ),
}


def check_weights(
    p: plan.KernelPlan, dtype: torch.dtype, joint: Joint, parameters: Sequence[Tensor], heads: Sequence[Tensor]
) -> None:
    """Refuse weights whose sizes do not fit the machine: the kernels check no bounds."""
    shapes = (*joint.shapes.values(), *_heads_shapes(p))
    given = (*parameters, *heads)
    names = [*(f"controller {name}" for name in joint.shapes), "heads.weight", "heads.bias"]
    if len(given) != len(shapes):
        raise ValueError(f"{len(given)} weights: must be {', '.join(names)}")
    if all(w.shape == shape and w.dtype is dtype for w, shape in zip(given, shapes, strict=True)):
        return
    found = "; ".join(
        f"{name} is {list(w.shape)}, {w.dtype}, must be {list(shape)}"
        for name, w, shape in zip(names, given, shapes, strict=True)
    )
    raise ValueError(f"weights of other sizes, or not all of {dtype}: {found}")


@lru_cache
def _heads_shapes(p: plan.KernelPlan) -> tuple[tuple[int, ...], ...]:
    numbers = (p.reads + p.writes) * p.head_size + 2 * p.writes * p.words
    return (numbers, p.hidden), (numbers,)
