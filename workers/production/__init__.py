"""Models worth a GPU, one file each: ``PILOTLIGHT_WORKERS='["workers","workers.production"]'``.

None of them has been run on a GPU by its authors here: the arguments are checked against vLLM's
own, the memory is the size of the weights with room for conversations.
"""
