"""Deterministic simulation of the real code: one seed, one history, one thread, virtual time.

``world`` runs fibers by virtual time; ``process`` is what can be killed, paused and skewed and
through which every port call goes; ``faults`` decides what befalls a call. The ports are in
memory: ``table`` and ``store``, ``messages``, ``files``, ``roster`` and ``receiver``. ``auditor``
checks every committed change against the reliability specification's invariants. ``replicas``,
``upkeep``, ``ingress`` and ``clients`` run the real code on top, ``history`` wires one seed.
"""
