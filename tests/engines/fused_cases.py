"""Machines on which engines are compared; as a program, it compares the engines on random machines."""

import random
import sys

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from src.cells.dms_ntm import DMSNTM
from src.cells.machine import Machine
from src.cells.ntm import NTM
from src.networks.recurrent import Recurrent

F, OUTPUTS = 3, 4


def network(cls: type[Machine], options: dict, dtype: torch.dtype, seed: int = 0) -> Recurrent:
    """A network with random weights."""
    torch.manual_seed(seed)
    made = Recurrent(cls(F, **options), OUTPUTS).to(dtype)
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, dtype=dtype))
    return made


def outcome(net: Recurrent, engine: str, x: Tensor, state=None) -> dict[str, Tensor]:
    """Results of a sequence: outputs, the state after, and the gradients of a loss of all of them."""
    net.cell.engine = engine
    net.zero_grad(set_to_none=True)
    x = x.clone().requires_grad_()
    y, after = net(x, state)
    results = [y, *pytree.tree_leaves(after)]
    noise = torch.Generator().manual_seed(1)
    loss = sum((one * torch.randn(one.shape, generator=noise, dtype=x.dtype)).sum() for one in results)
    loss.backward()
    found = {f"result {i}": one.detach() for i, one in enumerate(results)} | {"x": x.grad}
    return found | {name: weight.grad for name, weight in net.named_parameters()}


def assert_engines_agree(net: Recurrent, x: Tensor, tolerance: float) -> None:
    """Assert that values and gradients agree, relative to the largest of each tensor."""
    expected, got = (outcome(net, engine, x) for engine in ("reference", "fused"))
    assert expected.keys() == got.keys()
    for name, value in expected.items():
        assert (value is None) == (got[name] is None), name
        if value is not None:
            scale = value.abs().max().clamp_min(1e-3)
            assert (value - got[name]).abs().max() <= tolerance * scale, name


def assert_parts_agree(net: Recurrent, x: Tensor, state=None) -> None:
    """Assert that a sequence in parts, by either engine, equals the whole one: outputs and the state after."""
    whole, after = net(x, state)
    parts = []
    for engine, part in zip(("fused", "reference", "fused"), x.split(x.shape[1] // 3, 1), strict=True):
        net.cell.engine = engine
        assert net.engine == engine
        y, state = net(part, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    torch.testing.assert_close(after, state)


def by_head(source: random.Random, values: list, options: dict) -> dict:
    """A value for each kind of head, or for each head of it."""
    return {
        kind: source.choice(
            [source.choice(values), [source.choice(values) for _ in range(options[f"{kind}_heads"])]]
        )
        for kind in ("read", "write")
    }


def random_machine(source: random.Random) -> tuple[type[Machine], dict, int, int]:
    """A small machine with random options, a batch size and a number of steps."""
    options = {
        "memory_slots": source.choice([1, 2, 3, 5]),
        "word_size": source.choice([1, 2, 5]),
        "controller": source.choice(["lstm", "gru", "feedforward", "counter_lstm"]),
        "controller_size": source.choice([2, 4]),
        "counters": source.choice([0, 1]),
        "number_input": source.choice(["hidden", "clamped", "raw"]),
        "counter_feedback": source.choice([True, False]),
        "counter_candidate": source.choice(["linear", "tanh"]),
        "numbers": source.choice([(0,), (2, 0)]),
        "input_skip": source.choice([False, True, {"read": True, "write": False}]),
        "read_heads": source.choice([1, 2]),
        "write_heads": source.choice([1, 2, 3]),
        "content_addressing": source.choice([True, True, False]),
        "memory_init": source.choice(["constant", "learned", "random"]),
        "output_clip": source.choice([None, 20.0, 0.5]),
    }
    if source.choice([False, True]):
        options["input_skip"] = by_head(source, [False, True], options)
    options["gate_bias"] = by_head(source, [-2.0, 0.0, 2.0], options)
    cls = source.choice([NTM, DMSNTM, DMSNTM])
    if cls is NTM:
        options |= {"shift_range": source.choice([1, 2, 4])}
    else:
        options |= {
            "carry": source.choice(["weighting", "position"]),
            "motion": source.choice(["relative", "hybrid", "anchored"]),
            "kernel": source.choice(["gaussian", "cauchy"]),
            "num_scales": source.choice([1, 2, 3]),
            "sigma_init": source.choice([0.15, by_head(source, [0.5, 0.3, 2.0], options), 3.0]),
            "sigma_max": source.choice([None, 30.0, by_head(source, [None, 20.0, 30.0], options)]),
            "sigma_schedule": source.choice([None, {"read": {"factor": 3.0, "share": 0.5}, "write": None}]),
            "lattice": source.choice([0.0, 0.7, by_head(source, [0.0, 0.4, 1.0], options)]),
        }
    return cls, options, source.choice([1, 2, 3]), source.choice([1, 3, 9])


if __name__ == "__main__":
    draw = random.Random(int(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        cls, options, batch, steps = random_machine(draw)
        made = network(cls, options, torch.float64, seed=number)
        try:
            assert_engines_agree(made, torch.randn(batch, steps, F, dtype=torch.float64), 1e-10)
        except Exception as error:
            raise AssertionError(f"{cls.__name__} {options}, batch {batch}, {steps} steps") from error
