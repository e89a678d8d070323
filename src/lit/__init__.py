"""Floor 3: LightningModules around the networks, one an objective: loss, metrics, optimiser, logging."""
