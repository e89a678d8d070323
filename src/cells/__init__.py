"""Floor 1: one time step, (input, state) -> (output, state)."""
