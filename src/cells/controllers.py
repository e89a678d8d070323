"""Controllers of machines by name."""

from collections.abc import Sequence
from typing import Any

from ..common import checks
from .base import Cell
from .counter_lstm import CANDIDATES, NUMBER_INPUTS, CounterLSTM
from .feedforward import Feedforward
from .gru import GRU
from .lstm import LSTM

CONTROLLERS: dict[str, type[Cell]] = {
    "lstm": LSTM,
    "gru": GRU,
    "feedforward": Feedforward,
    "counter_lstm": CounterLSTM,
}


def check_numbers(numbers: Any, input_size: int) -> None:
    """Refuse `numbers` that are no indices of inputs."""
    if not isinstance(numbers, Sequence) or not all(type(n) is int and 0 <= n < input_size for n in numbers):
        raise checks.refuse("numbers", numbers, f"a list of integers from 0 to {input_size - 1}")


def make_controller(
    kind: str,
    input_size: int,
    size: int,
    counters: int,
    number_input: str,
    counter_feedback: bool,
    counter_candidate: str,
    numbers: Sequence[int],
) -> Cell:
    """A controller; the last five arguments are those of `CounterLSTM`, and have no effect on others.

    Raises:
        checks.Refusal: a value of the wrong type or out of its range.
    """
    checks.choice("controller", kind, tuple(CONTROLLERS))
    checks.integer("controller_size", size)
    checks.integer("counters", counters, least=0)
    checks.choice("number_input", number_input, NUMBER_INPUTS)
    checks.flag("counter_feedback", counter_feedback)
    checks.choice("counter_candidate", counter_candidate, CANDIDATES)
    own: dict[str, Any] = {}
    if kind == "counter_lstm":
        own = {
            "counters": counters,
            "number_input": number_input,
            "counter_feedback": counter_feedback,
            "counter_candidate": counter_candidate,
            "numbers": numbers,
        }
    return CONTROLLERS[kind](input_size, size, **own)
