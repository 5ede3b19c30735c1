"""Measuring: quality, size, latency, and the host it was done on."""
