"""The equations of an external memory, as pure functions of tensors."""
