"""Annotated shapes are checked in every package that has tensors."""

import jaxtyping
import pytest
import torch

from src.engines.reference import Reference
from src.lit.bits import BitCounts
from src.memory import addressing
from tests.shapes import arrays


def test_a_wrong_shape_is_an_error():
    with pytest.raises(jaxtyping.TypeCheckError):
        addressing.interpolate(torch.zeros(2, 3, 4), torch.zeros(2, 3, 5), torch.zeros(2, 3))
    with pytest.raises(jaxtyping.TypeCheckError):
        BitCounts().update(torch.zeros(2, 3), None)
    with pytest.raises(jaxtyping.TypeCheckError):
        Reference().sequence(None, torch.zeros(2, 3), None)


def test_only_tensor_annotations_are_checked():
    @jaxtyping.jaxtyped(typechecker=arrays)
    def product(x: jaxtyping.Float[torch.Tensor, "B N"], y: jaxtyping.Float[torch.Tensor, "N"], name: str):
        return x @ y

    assert product(torch.ones(2, 3), torch.ones(3), None).shape == (2,)
    for wrong in (torch.ones(4), torch.ones(3, 1), torch.ones(3, dtype=torch.int64), None):
        with pytest.raises(jaxtyping.TypeCheckError):
            product(torch.ones(2, 3), wrong, "x")
