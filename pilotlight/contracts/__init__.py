"""What crosses a boundary: jobs, messages, artifacts, events and the worker's declaration."""
