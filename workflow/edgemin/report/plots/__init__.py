"""Plots: one file each. Planning reads their names and inputs, so what draws is imported inside functions."""
