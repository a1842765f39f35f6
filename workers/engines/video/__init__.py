"""Films: read and written, begun, made smoother, made larger, given a voice."""
