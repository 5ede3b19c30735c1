"""The distill stage, and what the objectives stand on: captured states, teacher signals and their cache."""
