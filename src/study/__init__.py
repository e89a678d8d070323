"""Studies: one command tunes, trains, evaluates and reports a table or a figure, and resumes what was stopped."""
