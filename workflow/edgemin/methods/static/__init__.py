"""Static students: vectors out of a transformer, and how they are taught."""
