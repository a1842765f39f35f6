"""Starters: small real models that answer on a laptop, for every kind of task."""
