"""Where everything of a study is, and which jobs make it."""
