"""Tables: one file each. What it lists and checks is read by planning, so pandas and the like are imported inside functions."""
