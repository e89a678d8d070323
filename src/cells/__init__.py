"""Cells: one time step, (input, state) -> (output, state)."""
