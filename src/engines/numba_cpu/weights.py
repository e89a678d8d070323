"""Weights in the form that the kernels take: those of a controller's gates as one matrix."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

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


def _inputs_alone(_: Cell, x: Float[Tensor, "B T F"]) -> Float[Tensor, "B T F"]:
    return x


class ControllerKind(NamedTuple):
    """A kind of controller."""

    #: LSTM, GRU or FEEDFORWARD of `plan`.
    number: int
    #: Whether the layers of a controller are of the supported form, which `joint` describes completely.
    is_plain: Callable[[Any], bool]
    #: (controller, features) -> the weights of all gates as one matrix with the columns [h, reads, inputs, 1]: h
    #: is the hidden state (absent in a feedforward controller), `features` the number of inputs, the last column
    #: the biases. C rows for each gate, in the order of `controllers.py`.
    joint: Callable[[Any, int], Float[Tensor, "G U"]]
    #: (controller, x) -> what the gates see of the inputs of a sequence; `joint` has a column for each feature.
    inputs: Callable[[Any, Float[Tensor, "B T F"]], Float[Tensor, "B T seen"]] = _inputs_alone


def _lstm(cell: LSTM, features: int) -> Float[Tensor, "G U"]:
    w_ih, w_hh, b_ih, b_hh = cell.layers.all_weights[0]
    return torch.cat([w_hh, w_ih[:, features:], w_ih[:, :features], (b_ih + b_hh).unsqueeze(1)], 1)


def _gru(cell: GRU, features: int) -> Float[Tensor, "G U"]:
    # Four gates: the candidates of input and state are separate, since the reset gate scales the latter alone.
    size, (w_ih, w_hh, b_ih, b_hh) = cell.output_size, cell.layers.all_weights[0]
    gates, new = slice(2 * size), slice(2 * size, None)
    of_input = torch.cat([w_ih, w_ih.new_zeros(size, w_ih.shape[1])])
    of_state = torch.cat([w_hh[gates], w_hh.new_zeros(size, size), w_hh[new]])
    biases = torch.cat([b_ih[gates] + b_hh[gates], b_ih[new], b_hh[new]])
    return torch.cat([of_state, of_input[:, features:], of_input[:, :features], biases.unsqueeze(1)], 1)


def _feedforward(cell: Feedforward, features: int) -> Float[Tensor, "G U"]:
    w = cell.layer.weight
    return torch.cat([w[:, features:], w[:, :features], cell.layer.bias.unsqueeze(1)], 1)


def _counter_lstm(cell: CounterLSTM, features: int) -> Float[Tensor, "G U"]:
    # The forget gates of the counters have no weights; the numbers that they alone see are the last inputs.
    size, count, w = cell.output_size, cell.counters, cell.weight_ih
    seen = features - len(cell.numbers) if cell.number_input == "hidden" else features
    parts = [cell.weight_hh, w[:, seen:], w[:, :seen]]
    if cell.number_input != "raw":
        alone = w.new_zeros(0, len(cell.numbers)) if cell.weight_numbers is None else cell.weight_numbers
        before, after = 3 * size - 2 * count, size
        parts.append(torch.cat([w.new_zeros(before, alone.shape[1]), alone, w.new_zeros(after, alone.shape[1])]))
    joint = torch.cat([*parts, cell.bias.unsqueeze(1)], 1)
    forgetting = 2 * size - count
    return torch.cat([joint[:forgetting], w.new_zeros(count, joint.shape[1]), joint[forgetting:]])


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
    LSTM: ControllerKind(plan.LSTM, _plain_layers, _lstm),
    GRU: ControllerKind(plan.GRU, _plain_layers, _gru),
    Feedforward: ControllerKind(plan.FEEDFORWARD, _plain_layer, _feedforward),
    CounterLSTM: ControllerKind(plan.LSTM, lambda _: True, _counter_lstm, _counter_inputs),
}


def check_weights(
    p: plan.KernelPlan, dtype: torch.dtype, features: int, w_u: Tensor, w_heads: Tensor, b_heads: Tensor
) -> None:
    """Refuse weights whose sizes do not fit the machine: the kernels check no bounds."""
    shapes = _shapes(p, features)
    one_dtype = w_u.dtype is w_heads.dtype is b_heads.dtype is dtype
    if (w_u.shape, w_heads.shape, b_heads.shape) == shapes and one_dtype:
        return
    given = zip(("controller", "heads.weight", "heads.bias"), (w_u, w_heads, b_heads), shapes, strict=True)
    found = "; ".join(f"{name} is {list(w.shape)}, {w.dtype}, must be {list(shape)}" for name, w, shape in given)
    raise ValueError(f"weights of other sizes, or not all of {dtype}: {found}")


@lru_cache
def _shapes(p: plan.KernelPlan, features: int) -> tuple[tuple[int, ...], ...]:
    numbers = (p.reads + p.writes) * p.head_size + 2 * p.writes * p.words
    hidden = 0 if p.controller == plan.FEEDFORWARD else p.hidden
    columns = hidden + p.reads * p.words + features + 1
    return (plan.GATES[p.controller] * p.hidden, columns), (numbers, p.hidden), (numbers,)
