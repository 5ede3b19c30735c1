"""What a study may say: settings models, one file for each section, and the registry of what people add. No torch, no pandas."""
