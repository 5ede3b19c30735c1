"""Two sets of results beside each other: which rows they share, how far these are apart, what was done otherwise."""
