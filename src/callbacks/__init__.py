"""Lightning callbacks, one a file, chosen in conf/callbacks."""
