"""Networks: a whole sequence, x[B, T, F] -> y[B, T, O]."""
