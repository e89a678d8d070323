"""Compile all kernels for both dtypes, or find them compiled: `python -m src.engines.numba_cpu`."""

import logging

import numpy as np

from .compiler import KINDS
from .kernels import missing, ready

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if reason := missing():
        raise SystemExit(f"error: {reason}")
    for dtype in ("float32", "float64"):
        for kind in KINDS:
            ready(kind, np.dtype(dtype))
