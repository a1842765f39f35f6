"""``make gallery``: every starter asked for something, and what it answered, on one page."""
