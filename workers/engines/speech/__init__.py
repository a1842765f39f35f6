"""Text spoken, speech written down."""
