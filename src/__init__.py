"""DMS-NTM lab: neural networks with an external, addressable memory.

Map of the package; a file imports only from floors below its own:

    floor 0   memory/      equations of addressing and access, pure functions of tensors
    floor 1   cells/       one time step, (input, state) -> (output, state)
    floor 2   networks/    a whole sequence, x[B, T, F] -> y[B, T, O]
              tasks/       samplers and the LightningDataModules over them
              figures/     arrays in, matplotlib Figure out
    floor 3   lit/         LightningModules: loss, metrics, optimiser, logging
              callbacks/   what happens around the training loop
              build.py     configuration -> network, task, learner, trainer
    floor 4   cli.py  runs.py  text.py  conclusion.py  train.py  evaluate.py  benchmark.py

Legend of the letters in shape annotations:

    B  batch               N  memory slots          H  heads (read and write together)
    T  time steps          M  word size             R  read heads      W  write heads
    F  input features      C  controller outputs    K  scales of a Gaussian focus
    O  output features     S  allowed shifts, 2 r + 1
"""
