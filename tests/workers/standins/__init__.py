"""Small honest workers for the task types whose real models need a GPU: arithmetic on the input."""
