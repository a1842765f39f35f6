"""Workers of a pool of GPU hosts: a model that is not in use gives up the GPU."""
