"""The LightningModule around a network, and the objectives: loss and metrics of each kind of target."""
