"""What every room may use and that knows nothing of the field: refusals of values, text, files, subprocesses."""
