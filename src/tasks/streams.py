"""Random streams that depend only on their names."""

import numpy as np
import torch


def generator(*stream: int) -> torch.Generator:
    """A torch generator for a stream named by non-negative integers, such as (seed, split, batch number).

    Streams of different names are independent, also those of neighbouring seeds.
    """
    # numpy treats (1,) and (1, 0) as the same entropy; the length makes them different.
    (state,) = np.random.SeedSequence((len(stream), *stream)).generate_state(1, np.uint64)
    # torch's CPU generator uses only the low 32 bits of a seed.
    return torch.Generator().manual_seed(int(state) & 0xFFFFFFFF)
