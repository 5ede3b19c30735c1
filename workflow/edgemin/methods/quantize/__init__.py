"""The quantize stage, and what schemes are made of: graphs, ranges, the runtime's own dynamic quantizer."""
