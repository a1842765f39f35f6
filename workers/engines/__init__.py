"""Glue to the libraries that run models; they are imported inside functions, never above."""
