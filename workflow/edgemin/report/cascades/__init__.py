"""Cascades: calibrated confidence, thresholds from validation, and the time of a text that passes several members."""
