"""Floor 0: the equations of an external memory, as pure functions of tensors."""
