"""Stage 3: post-training quantization. One module per backend, each with quantize_folder(parent, out, spec)."""
