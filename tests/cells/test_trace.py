"""Trace: fields with names and shapes, and a mapping from names to tensors."""

import pytest
import torch

from src.cells.trace import Trace

B, T, H, N, M, K = 2, 3, 2, 5, 4, 3


def step(value):
    return Trace(
        weighting=torch.full((B, H, N), value),
        numbers={"gate": torch.full((B, H), value), "sigma": torch.full((B, H, K), value)},
        memory=torch.full((B, N, M), value),
        others={"usage": torch.full((B, N), value)},
    )


def test_mapping_of_the_fields_that_are_set():
    trace = step(1.0)
    assert list(trace) == ["weighting", "gate", "sigma", "memory", "usage"]
    assert trace["gate"] is trace.numbers["gate"]
    assert trace["usage"] is trace.others["usage"]
    assert trace["memory"] is trace.memory
    assert "read" not in trace
    assert trace.get("read") is None
    with pytest.raises(KeyError):
        trace["read"]
    assert Trace() == {}
    assert len(Trace()) == 0


def test_over_time_stacks_the_steps_after_the_batch():
    trace = Trace.over_time([step(float(t)) for t in range(T)])
    assert {name: tuple(tensor.shape) for name, tensor in trace.items()} == {
        "weighting": (B, T, H, N),
        "gate": (B, T, H),
        "sigma": (B, T, H, K),
        "memory": (B, T, N, M),
        "usage": (B, T, N),
    }
    for tensor in trace.values():
        assert tensor.flatten(2)[0, :, 0].tolist() == [0.0, 1.0, 2.0]
    assert trace.numbers.keys() == {"gate", "sigma"}
    assert trace.others.keys() == {"usage"}
    assert Trace.over_time([Trace()] * T) == {}


def test_map_keeps_the_names():
    trace = step(1.0).map(lambda tensor: 2.0 * tensor)
    assert list(trace) == list(step(1.0))
    assert all((tensor == 2.0).all() for tensor in trace.values())
    assert trace.numbers["sigma"].shape == (B, H, K)


def test_of_a_plain_mapping():
    """A subclass of a cell may return its trace as a plain mapping."""
    shown = {"age": torch.ones(B, N), "memory": torch.ones(B, N, M)}
    trace = Trace.of(shown)
    assert trace.memory is shown["memory"]
    assert list(trace.others) == ["age"]
    assert trace["age"] is shown["age"]
    assert Trace.of(trace) is trace


def test_a_field_of_another_shape_is_refused():
    """Shapes are checked in the tests: a weighting needs dimensions for batch, heads and slots."""
    with pytest.raises(Exception, match="weighting"):
        Trace(weighting=torch.zeros(N))


def test_over_time_fills_up_what_grows_with_zeros():
    """A memory that gets a row at every step."""
    steps = [Trace(weighting=torch.ones(2, 1, n), memory=torch.ones(2, n, 3), ring=False) for n in (1, 2, 3)]
    seen = Trace.over_time(steps)
    assert not seen.ring
    assert seen["weighting"].shape == (2, 3, 1, 3)
    assert seen["weighting"][0, :, 0].tolist() == [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    assert seen["memory"][1, :, :, 2].tolist() == [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]


@pytest.mark.parametrize(("ring", "position", "width"), [(True, 0.0, 1.0), (False, 2.0, 2.0)])
def test_place_is_on_the_ring_or_in_the_row(ring, position, width):
    """Half of the weight on slot 4, of five, and half on slot 1 or, in a row, on slot 0."""
    w = torch.tensor([0.0, 0.5, 0.0, 0.0, 0.5] if ring else [0.5, 0.0, 0.0, 0.0, 0.5]).view(1, 1, 5)
    found = Trace(weighting=w, ring=ring).place
    assert (found[0].item() + 2.5) % 5 - 2.5 == pytest.approx(position, abs=1e-5)
    assert found[1].item() == pytest.approx(width, abs=1e-5)


def test_place_takes_a_position_that_the_head_has():
    w = torch.eye(4)[None, :1]
    assert Trace(weighting=w, numbers={"position": torch.tensor([[7.5]])}).place[0].item() == 3.5
    assert Trace(weighting=w, numbers={"position": torch.tensor([[-1e-9]])}).place[0].item() == 0.0
    assert Trace(weighting=w, numbers={"position": torch.tensor([[7.5]])}, ring=False).place[0].item() == 7.5
