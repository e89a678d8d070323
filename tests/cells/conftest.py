"""Fixtures of the tests of cells."""

import pytest
import torch


@pytest.fixture
def float64():
    """float64 as the default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)
