"""What leaves this project: bundles, which run without it."""
