"""Outbound HTTP, behind the address guard."""
