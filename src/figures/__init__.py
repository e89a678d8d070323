"""Figures: functions from arrays to a matplotlib Figure; they import only numpy and matplotlib, and no pyplot."""
