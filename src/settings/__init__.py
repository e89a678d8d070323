"""From the command line to a checked configuration to objects; experiments as files."""
