"""What every test gets: shapes checked as annotated, one torch thread, no figure windows."""

import os

# Before the first import of ours: annotations such as Float[Tensor, "B N M"] become checks.
import jaxtyping

jaxtyping.install_import_hook(["src.memory", "src.cells", "src.networks", "src.tasks"], "beartype.beartype")

import pytest  # noqa: E402
import torch  # noqa: E402

os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(1)


@pytest.fixture
def rng() -> torch.Generator:
    """A generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked_types():
    """Annotations unchecked, as in use: a value of the wrong type gets as far as the refusals of ours."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
