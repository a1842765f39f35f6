"""Sentences and conversations on the processor, and a guard for them."""
