"""The distill stage, and the basis of the objectives: captured states, teacher signals and their cache."""
