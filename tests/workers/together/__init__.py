"""A worker whose jobs share calls of the pipeline, with weights that lie in this repository."""
