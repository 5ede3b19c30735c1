"""The settings of a study: one file for each section, and the registry of extensions. No torch, no pandas."""
