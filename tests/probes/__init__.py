"""Workers that only tests serve."""
