"""Stage 2: what to cut (criteria) and the cut itself (surgery in `edgemin.encoders.structure`)."""
