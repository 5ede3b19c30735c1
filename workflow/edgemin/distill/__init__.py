"""Stage 1: distillation objectives, teacher signals and their cache."""
