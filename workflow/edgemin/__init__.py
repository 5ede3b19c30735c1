"""EdgeMIN: an ablation study of compressing BERT-like encoders, as a library.

The package knows nothing of Snakemake. Data flows one way through it:
config -> tasks -> encoders -> training -> {distill, prune, quantize} -> deploy -> measure -> report.
"""

__version__ = "0.1.0"
