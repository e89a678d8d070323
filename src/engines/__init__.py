"""Engines, which run a cell over a whole sequence; `choose.py` has the list of them."""
