"""The page of a study: one HTML file that needs neither network nor server."""
