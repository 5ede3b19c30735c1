"""What every layer above stands on: errors, files, digests, the machine. Knows nothing of studies."""
