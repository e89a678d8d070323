"""The fused engine of the CPU: forward and backward of a whole sequence, one call of a compiled kernel each."""
