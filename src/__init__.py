"""DMS-NTM lab: neural networks with an external, addressable memory.

The packages and their layers; a file imports only from layers below its own:

    layer 0   common/       refusals of values, text, files, paths, subprocesses: nothing about models
              memory/       the equations of addressing and access, pure functions of tensors
              figures/      arrays in, matplotlib Figure out
    layer 1   cells/        one time step, (input, state) -> (output, state); the state is a value
    layer 2   engines/      run a cell over a whole sequence: a loop, or compiled kernels
    layer 3   networks/     modules over a whole sequence, x[B, T, F] -> y[B, T, O]
              tasks/        samplers and the LightningDataModules over them, one task a file
    layer 4   lit/          LightningModules: loss, metrics, optimiser, logging
    layer 5   callbacks/    validation history, checkpoints, pictures ...: one Lightning callback a file
    layer 6   settings/     from the command line to a checked configuration to objects
    layer 7   run/          one training run: its folder, resumption, ending, several processes
    layer 8   launch/       jobs: one or many, on this machine or on a cluster
    layer 9   report/       run folders as tables, figures and pages
              replay/       a trained model on one sequence, step by step, as a page and an animation
              train.py      the commands that are one file
              evaluate.py
              publish.py
    layer 10  study/        a published report from nothing: tune, choose, sweep, evaluate, report
              search/       hyper-parameter search with Optuna; the best settings as an experiment file
              benchmark/    speed and memory of training, one question a file
    layer 11  __main__.py   the program dms-ntm, which runs the commands

Legend of the letters in shape annotations:

    B  batch               N  memory slots          H  heads (read and write together)
    T  time steps          M  word size             R  read heads      W  write heads
    F  input features      C  controller outputs    K  scales of a Gaussian focus
    O  output features        or channels           S  allowed shifts, 2 r + 1
"""

import importlib
import os
import sys

from .common.one_package import under_both_names

under_both_names(__name__)

__version__ = "0.1.0"
#: The classes and functions for `from dms_ntm import ...`, with their modules, which are imported when asked for.
PUBLIC = {
    "NTM": "cells.ntm",
    "DMSNTM": "cells.dms_ntm",
    "LSTM": "cells.lstm",
    "GRU": "cells.gru",
    "MinGRU": "cells.min_gru",
    "DNC": "cells.dnc",
    "LieAccessNTM": "cells.lie_access_ntm",
    "TapeRNN": "cells.tape_rnn",
    "PANM": "cells.panm",
    "Cell": "cells.base",
    "MLP": "networks.mlp",
    "CNN": "networks.cnn",
    "ResNet1D": "networks.resnet1d",
    "Transformer": "networks.transformer",
    "Recurrent": "networks.recurrent",
    "FixedLength": "networks.fixed_length",
    "RepeatCopy": "tasks.repeat_copy",
    "Copy": "tasks.copy",
    "Reverse": "tasks.reverse",
    "StridedCopy": "tasks.strided_copy",
    "Seek": "tasks.seek",
    "PointerChasing": "tasks.pointer_chasing",
    "AssociativeRecall": "tasks.associative_recall",
    "MQAR": "tasks.mqar",
    "PrioritySort": "tasks.priority_sort",
    "DynamicNGrams": "tasks.dynamic_ngrams",
    "DuplicateString": "tasks.duplicate_string",
    "OddsFirst": "tasks.odds_first",
    "MissingDuplicate": "tasks.missing_duplicate",
    "MNIST1D": "tasks.mnist1d",
    "Task": "tasks.base",
    "Generated": "tasks.generated",
    "Objective": "lit.objective",
    "Learner": "lit.learner",
    "Run": "run.load",
    "load_run": "run.load",
}
__all__ = ["__version__", *PUBLIC]  # noqa: PLE0604  (ruff does not follow the star)


def __getattr__(name: str) -> object:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})


# matplotlib cannot be imported with an unknown backend; the figures of this project use none.
if (backend := os.environ.get("MPLBACKEND")) and "matplotlib" not in sys.modules:
    del os.environ["MPLBACKEND"]
    import matplotlib

    try:
        matplotlib.rcParams["backend"] = backend
        os.environ["MPLBACKEND"] = backend
    except ValueError:
        pass

# Lightning reads these as numbers when it is imported; one that is no number would be an error.
for variable in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
    if not os.environ.get(variable, "0").isdecimal():
        del os.environ[variable]
