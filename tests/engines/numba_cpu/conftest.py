"""Fixtures of the tests of the kernels."""

import pytest
import torch


@pytest.fixture
def two_threads():
    """Two threads for torch, and so for the kernels."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
