"""All steps of a PANM at once, but for the pointers, which alone depend on what they did before."""

import math
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from ..memory import pointers as equations
from ..memory.access import read
from .base import State, full_precision


class PANMState(NamedTuple):
    """State of a PANM after n steps."""

    encoder: State
    controller: State
    pointers: Float[Tensor, "B P bits"]
    units: Float[Tensor, "B P U"]
    first: Float[Tensor, "B bits"]  # code of the address of the first item
    values: Float[Tensor, "B n E"]


def sequence(cell: Any, x: Float[Tensor, "B T F"], state: PANMState) -> tuple[Float[Tensor, "B T O"], PANMState]:
    """As `PANM.step` over time: encoder, reads and controller in one call each, and a loop over the pointers.

    Args:
        cell: a PANM.
        x: the inputs.
        state: before the first step.
    """
    listed = state.values.shape[1]
    encoded, encoder = cell.encoder.sequence(x, state.encoder)
    anchor = cell.anchor(encoded)
    with full_precision(x):
        values = torch.cat([state.values, encoded.to(state.values.dtype)], 1)
        addresses = equations.consecutive(cell.bank, state.first, values.shape[1])
        anchor = anchor.to(values.dtype).unflatten(2, (cell.pointers, -1)).softmax(3)
        w, state = _walked(cell, anchor, addresses, listed, state)
        reads = _read(values, w)
        if cell.content_query is not None:
            query = cell.content_query(reads.flatten(2)) / math.sqrt(cell.encoder_size)
            by_content = _over_listed(query.unflatten(2, (cell.content_pointers, -1)), values, listed)
            reads = torch.cat([reads, _read(values, by_content)], 2)
        seen = reads.flatten(2)
    h, controller = cell.controller.sequence(torch.cat([x, seen], 2), state.controller)
    output = torch.cat([h.to(seen.dtype), seen], 2)
    return output, state._replace(encoder=encoder, controller=controller, values=values)


def move(
    cell: Any, start: Float[Tensor, "B P bits"], units: Float[Tensor, "B P U"], known: Float[Tensor, "B n bits"]
) -> tuple[Float[Tensor, "B P n"], Float[Tensor, "B P bits"], Float[Tensor, "B P U"]]:
    """One step of the pointers, by addresses alone: weightings, pointers and units.

    Args:
        cell: a PANM.
        start, units: where the anchors leave the pointers and their units.
        known: addresses of the items listed so far.
    """
    weights = (cell.weight_pointer, cell.weight_unit, cell.bias_pointer, cell.bias_unit)
    units = equations.pointer_unit(start, units, *weights)
    w = equations.attend(torch.bmm(units.transpose(0, 1), cell.weight_query).transpose(0, 1), known)
    return w, torch.bmm(w, known), units


def _read(values: Float[Tensor, "B n E"], w: Float[Tensor, "B T H n"]) -> Float[Tensor, "B T H E"]:
    """`access.read` of all steps."""
    return read(values, w.flatten(1, 2)).unflatten(1, w.shape[1:3])


def _walked(
    cell: Any,
    anchor: Float[Tensor, "B T P 3"],
    addresses: Float[Tensor, "B n bits"],
    listed: int,
    state: PANMState,
) -> tuple[Float[Tensor, "B T P n"], PANMState]:
    """The weightings of the pointers at all steps, and the state with pointers and units after the last."""
    stay, first, last = anchor.unsqueeze(4).unbind(3)
    # Of a step: where its anchors lead to, whatever the pointer.
    led = first * addresses[:, None, :1] + last * addresses[:, listed:, None]
    pointers, units, weightings = state.pointers, state.units, []
    for t, (kept, anchored) in enumerate(zip(stay.unbind(1), led.unbind(1), strict=True)):
        known = addresses[:, : listed + t + 1]
        w, pointers, units = move(cell, kept * pointers + anchored, kept * units, known)
        weightings.append(pad(w, (0, addresses.shape[1] - known.shape[1])))
    return torch.stack(weightings, 1), state._replace(pointers=pointers, units=units)


def _over_listed(
    query: Float[Tensor, "B T C E"], values: Float[Tensor, "B n E"], listed: int
) -> Float[Tensor, "B T C n"]:
    """`pointers.attend` of each step over the values that are listed by then."""
    steps, items = query.shape[1], values.shape[1]
    logits = torch.matmul(query.flatten(1, 2), values.transpose(1, 2)).unflatten(1, query.shape[1:3])
    item, step = (torch.arange(size, device=query.device) for size in (items, steps))
    later = item > step[:, None] + listed
    return logits.masked_fill(later[:, None], -math.inf).softmax(3)
