"""A small model that answers questions about drawn shapes: ``python -m training.vision``."""
