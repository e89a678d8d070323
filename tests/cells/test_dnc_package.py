"""The DNC against the package `dnc` of PyPI (version 1.1.0), step by step; without the package, it is skipped.

The package deviates from the paper, and the test gives it what makes both compute the same:

- keys and write vectors are squashed by tanh there, and are any numbers in the paper and here;
- a key strength is softplus there, and 1 + softplus in the paper and here;
- its read modes are in the order backward, forward, content; the paper's backward, content, forward;
- it computes the allocation from delta + (1 - delta) usage with delta = 1e-6, and adds delta to the product of two
  norms: the tolerances below allow for both;
- of slots used alike, here the first comes first, and there torch.topk decides: both begin with a random memory
  and random usages, so that no two slots are used alike.
"""

import pytest
import torch
from torch.nn.functional import softplus

from src.cells.dnc import DNC, DNCState

B, N, M, R, STEPS = 3, 11, 5, 2, 40
TOLERANCE = {"rtol": 1e-3, "atol": 2e-5}


@pytest.fixture
def memory_class():
    return pytest.importorskip("dnc").Memory


def logit(p):
    return torch.log(p) - torch.log1p(-p)


def raw_of_both(rng):
    """Raw numbers of the package and of the cell that mean the same."""

    def normal(*shape):
        return torch.randn(B, *shape, generator=rng)

    keys, add, modes = normal(R + 1, M), normal(M), normal(R, 3)  # modes: backward, content, forward
    beta = 1.0 + softplus(4 * normal(R + 1))
    erase, free, gates = 2 * normal(M), 2 * normal(R), 2 * normal(2)
    theirs = [
        keys[:, :R].flatten(1),
        inverse_softplus(beta[:, :R]),
        keys[:, R],
        inverse_softplus(beta[:, R:]),
        erase,
        add,
        free,
        gates,
        modes[..., [0, 2, 1]].flatten(1),
    ]
    ours = [keys.tanh().flatten(1), add.tanh(), inverse_softplus(beta - 1), erase, free, gates, modes.flatten(1)]
    return torch.cat(theirs, 1), torch.cat(ours, 1)


def inverse_softplus(y):
    return y + torch.log(-torch.expm1(-y))


def both(memory_class, rng):
    """The memory of the package, which is given its interface, the cell, and equal states of both."""
    package = memory_class(input_size=2, mem_size=N, cell_size=M, read_heads=R, independent_linears=False)
    package.interface_weights = torch.nn.Identity()
    cell = DNC(4, memory_slots=N, word_size=M, read_heads=R)
    memory, usage = torch.randn(B, N, M, generator=rng), torch.rand(B, N, generator=rng)
    state = DNCState((), memory, usage, *cell.initial_state(B)[3:])
    return package, cell, {**package.reset(B), "memory": memory, "usage_vector": usage}, state


def test_memory_usage_links_and_reads_of_every_step(memory_class, rng):
    """The same interface goes to both."""
    package, cell, hidden, state = both(memory_class, rng)
    for _ in range(STEPS):
        theirs, ours = raw_of_both(rng)
        reads, hidden = package(theirs, dict(hidden))
        state = cell.access(cell.layout.read(ours), state)
        for name, got, expected in (
            ("memory", state.memory, hidden["memory"]),
            ("usage", state.usage, hidden["usage_vector"]),
            ("precedence", state.precedence, hidden["precedence"].squeeze(1)),
            ("links", state.links, hidden["link_matrix"].squeeze(1)),
            ("write weighting", state.w_write, hidden["write_weights"].squeeze(1)),
            ("read weightings", state.w_read, hidden["read_weights"]),
            ("reads", state.reads, reads),
        ):
            torch.testing.assert_close(got, expected, **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")
    assert state.usage.max() > 0.5
    assert state.links.max() > 0.1


def test_gradients_of_the_numbers_that_both_squash_alike(memory_class, rng):
    """Those of the erase vector and of the gates of every step, from the reads of all steps."""
    package, cell, hidden, state = both(memory_class, rng)
    losses, leaves = [0.0, 0.0], []
    for _ in range(8):
        theirs, ours = (one.requires_grad_() for one in raw_of_both(rng))
        leaves.append((theirs, ours))
        reads, hidden = package(theirs, dict(hidden))
        state = cell.access(cell.layout.read(ours), state)
        factor = torch.randn(B, R, M, generator=rng)
        losses = [losses[0] + (reads * factor).sum(), losses[1] + (state.reads * factor).sum()]
    theirs, ours = (
        torch.autograd.grad(loss, one) for loss, one in zip(losses, zip(*leaves, strict=True), strict=True)
    )
    first = (R + 1) * (M + 1)  # of the erase vector in the package; the write vector is between it and the gates
    here = cell.layout.sizes[0] + cell.layout.sizes[1] + cell.layout.sizes[2]
    for one, other in zip(ours, theirs, strict=True):
        expected = torch.cat([other[:, first : first + M], other[:, first + 2 * M : first + 2 * M + R + 2]], 1)
        torch.testing.assert_close(one[:, here : here + M + R + 2], expected, rtol=1e-2, atol=1e-4)
