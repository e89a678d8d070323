"""Floor 0: arrays in, matplotlib Figure out; imports nothing else of ours, and no pyplot, which keeps figures."""
