"""What the tests of cells share."""

import jaxtyping
import pytest
import torch


@pytest.fixture
def unchecked_types():
    """Annotations unchecked, as in use: a value of the wrong type gets as far as the refusals of ours."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def float64():
    """What is built without a dtype is float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
