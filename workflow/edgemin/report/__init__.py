"""From measurements to statistics, tables and plots. Imports neither torch nor transformers."""
