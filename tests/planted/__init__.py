"""Planted faults: small patches, each of which a test of the suite must notice."""
