"""Random streams that depend on nothing but their names."""

import numpy as np
import torch


def generator(*stream: int) -> torch.Generator:
    """A torch generator for a stream named by non-negative integers, such as (seed, split, batch number).

    Streams of different names are independent; neighbouring seeds are as far apart as distant ones.
    """
    # The length keeps (1,) and (1, 0) apart, which numpy would take for the same.
    (state,) = np.random.SeedSequence((len(stream), *stream)).generate_state(1, np.uint64)
    # The CPU generator of torch reads only the low 32 bits of a seed.
    return torch.Generator().manual_seed(int(state) & 0xFFFFFFFF)
