"""Workers that are not kept alive for long."""
