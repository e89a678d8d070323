"""A study: what a table or a figure needs, from tuning to report, begun and gone on with by one command."""
