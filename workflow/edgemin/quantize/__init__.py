"""Stage 3: quantization. One module per scheme and backend, behind `stage`."""
