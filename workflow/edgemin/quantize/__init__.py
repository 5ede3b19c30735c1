"""Stage 3: post-training quantization, one module per backend."""
