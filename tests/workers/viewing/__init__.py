"""A worker that does no more than decode what it is sent."""
