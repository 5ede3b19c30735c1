"""Acceptance: is a quantized model still the model that it was made from? Measures, the verdict on a cell, and the mark in tables."""
