"""Models worth a GPU, one file each: ``PILOTLIGHT_WORKERS='["workers","workers.production"]'``.

None of them has been run on a GPU by its authors here: the arguments are checked against vLLM's and
diffusers' own, tiny twins of the diffusion models run on a processor, and the memory is the size of the
weights with room for conversations or results. docs/language.md and docs/production.md list them.
"""
