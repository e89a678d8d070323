"""General-purpose helpers that know nothing of the field: checks of values, text, files, subprocesses."""
