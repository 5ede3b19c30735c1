"""What leaves PyTorch: the ONNX graph of a float checkpoint."""
