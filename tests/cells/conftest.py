"""What the tests of cells share."""

import pytest
import torch


@pytest.fixture
def float64():
    """What is built without a dtype is float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
