"""What a stage of a chain does: distil, prune, quantize. A folder inside is a method, a file is shared by several."""
