"""Memory that a sequence keeps for its backward pass: linear in batch size and steps."""

import pytest
import torch

from src.cells.dms_ntm import DMSNTM
from src.cells.ntm import NTM
from src.networks.recurrent import Recurrent

MACHINES = [
    (NTM, {}),
    (DMSNTM, {"motion": "relative"}),
    (DMSNTM, {"motion": "hybrid"}),
    (DMSNTM, {"carry": "position"}),
]


def kept_bytes(network: Recurrent, batch: int, steps: int) -> int:
    """Bytes of all tensors that autograd keeps for the backward pass of one sequence batch."""
    storages: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y, _ = network(torch.rand(batch, steps, 5))
    del y
    return sum(storages.values())


@pytest.mark.parametrize(("cell", "options"), MACHINES)
def test_kept_bytes_are_linear_in_batch_and_time(cell: type, options: dict) -> None:
    network = Recurrent(
        cell(5, memory_slots=32, word_size=8, controller_size=16, engine="reference", **options), 4
    )
    once = kept_bytes(network, batch=16, steps=20)
    twice_the_steps = kept_bytes(network, batch=16, steps=40)
    twice_the_batch = kept_bytes(network, batch=32, steps=20)
    assert 1.8 < twice_the_steps / once < 2.2
    assert 1.8 < twice_the_batch / once < 2.2
