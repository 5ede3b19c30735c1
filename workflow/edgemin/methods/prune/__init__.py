"""The prune stage, and what structures and criteria are made of."""
