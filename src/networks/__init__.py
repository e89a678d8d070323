"""Networks: x[B, T, F] and the state before -> y[B, T, O] and the state after."""
