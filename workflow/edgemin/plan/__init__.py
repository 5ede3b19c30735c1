"""The paths of a study's files, and the jobs that make them."""
