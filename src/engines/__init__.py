"""What runs a cell over a whole sequence; `choose.py` has the list of the engines."""
