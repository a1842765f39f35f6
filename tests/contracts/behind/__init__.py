"""A worker that says itself which other endpoints it serves."""
