"""The stages of a chain: distil, prune, quantize. Each folder is a method; a file is shared by several methods."""
