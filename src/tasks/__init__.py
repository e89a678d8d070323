"""What is learned: samplers that take a generator, and the LightningDataModules over them."""
