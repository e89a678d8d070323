"""Floor 4: the LightningModule around a network, and what is learned from each kind of answer."""
