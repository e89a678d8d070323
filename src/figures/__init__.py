"""Floor 2: arrays in, matplotlib Figure out; imports nothing of ours, and no pyplot, which keeps figures."""
