"""What runs a cell over a whole sequence."""
