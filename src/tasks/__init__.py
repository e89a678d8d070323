"""Tasks: samplers that take a random generator, and the LightningDataModules over them."""
