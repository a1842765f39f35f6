"""One event source is one file."""
