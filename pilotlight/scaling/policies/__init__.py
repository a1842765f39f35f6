"""How many replicas there should be: several answers behind one interface, chosen per worker.

Each file is one policy: a frozen value with its knobs and one pure method, ``plan``.
"""
