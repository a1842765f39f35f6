"""Solids from pictures."""
