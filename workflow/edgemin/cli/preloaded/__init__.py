"""Jobs that share what one process has loaded: each is a fork of it, so it begins at once and not after seconds of imports."""
