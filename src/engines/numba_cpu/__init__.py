"""The fused engine: a machine's whole sequence, forward and backward, in one compiled call each."""
