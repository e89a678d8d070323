"""DMS-NTM lab: neural networks with an external, addressable memory.

Map of the package; a file imports only from floors below its own:

    floor 0   memory/       equations of addressing and access, pure functions of tensors
              fused/        the same equations as compiled kernels over whole sequences, forward and backward
              figures/      arrays in, matplotlib Figure out
              checks.py     refusals of values
              text.py       numbers for a terminal
              output.py     standard output and error of a command, which no closed pipe or encoding ends
              files.py      files that are written whole or not at all
              statistics.py what a few seeds say: intervals, tests, the share solved by a time
    floor 1   cells/        one time step, (input, state) -> (output, state)
              tasks/        samplers and the LightningDataModules over them
    floor 2   networks/     a whole sequence, x[B, T, F] -> y[B, T, O]
              lit/          LightningModules: loss, metrics, optimiser, logging
    floor 3   callbacks/    what happens around the training loop
              trainer_arguments.py what Lightning's Trainer may be given, and why not the rest
              build.py      configuration -> network, task, learner, trainer
    floor 4   runs.py       the run folder: written, opened again, held by one process at a time
              unknown.py    refusals of choices and keys that there are not
              overrides.py  the overrides of a command line, read and refused by themselves
              jobs.py       the jobs that overrides ask for, composed
              cli.py        the command line and its refusals
              conclusion.py how a run ends: test, figures, metrics.json
              resume.py     what a run goes on from, and with which settings
              sweep.py      the folder of a sweep and how each of its jobs stands
              worker.py     one job on a machine that shares no files with this one, and what it leaves
              remote.py     the jobs of a sweep sent to a cluster of such machines, and taken in
              launchers.py  what the launchers of a sweep are given and need
              experiments.py settings as a file of conf/experiment
              children.py   commands of ours in processes of their own
              estimate.py   what a command would take, in time and on disk
              launch.py     from a command line to new runs, resumed ones and sweeps
              processes.py  several processes for one run, started and ended
              follow.py     what those do that are not the first
    floor 5   train.py      the commands
              evaluate.py
              publish.py
              replay/       a run at work on one sequence, step by step: a page with a slider, an animation
              report/       any set of run folders as tables, figures and pages
    floor 6   study/        a table or a figure of the README: tune, choose, sweep, evaluate, report
              search/       settings tried out by Optuna, pruned, the best of them as an experiment
              benchmark/    how fast training is, one question a file

Legend of the letters in shape annotations:

    B  batch               N  memory slots          H  heads (read and write together)
    T  time steps          M  word size             R  read heads      W  write heads
    F  input features      C  controller outputs    K  scales of a Gaussian focus
    O  output features        or channels           S  allowed shifts, 2 r + 1
"""

import os
import sys

# With a backend that there is not, matplotlib cannot even be imported; no figure of ours uses one.
if (backend := os.environ.get("MPLBACKEND")) and "matplotlib" not in sys.modules:
    del os.environ["MPLBACKEND"]
    import matplotlib

    try:
        matplotlib.rcParams["backend"] = backend
        os.environ["MPLBACKEND"] = backend
    except ValueError:
        pass

# Lightning reads these as numbers when it is imported.
for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "JSM_NAMESPACE_RANK"):
    if not os.environ.get(name, "0").isdecimal():
        del os.environ[name]
