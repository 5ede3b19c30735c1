"""Data: sources -> downloads -> rows -> splits -> token ids."""
