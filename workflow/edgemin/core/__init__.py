"""The basis of all layers: errors, files, digests, the machine. Independent of studies."""
