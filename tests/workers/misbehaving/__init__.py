"""Workers that do one thing wrong, or one thing worth watching, each."""
