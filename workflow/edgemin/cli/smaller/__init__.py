"""A study made small, so that all of it runs in minutes: few cells, few rows, tiny random encoders, short phases."""
