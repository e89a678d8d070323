"""Settings: the command line, checked configurations, the objects made from them, experiments as files."""
